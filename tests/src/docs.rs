//! The Rust in README and `docs/`, as doc tests of this package.

/// README.md
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;

/// docs/attributes.md
#[doc = include_str!("../../docs/attributes.md")]
#[derive(Debug)]
pub struct Attributes;

/// docs/commands.md
#[doc = include_str!("../../docs/commands.md")]
#[derive(Debug)]
pub struct Commands;

/// docs/migrations.md
#[doc = include_str!("../../docs/migrations.md")]
#[derive(Debug)]
pub struct Migrations;

/// docs/force.md
#[doc = include_str!("../../docs/force.md")]
#[derive(Debug)]
pub struct Force;

/// docs/adopting.md
#[doc = include_str!("../../docs/adopting.md")]
#[derive(Debug)]
pub struct Adopting;

/// docs/runtime.md
#[doc = include_str!("../../docs/runtime.md")]
#[derive(Debug)]
pub struct Runtime;

/// docs/threat-model.md
#[doc = include_str!("../../docs/threat-model.md")]
#[derive(Debug)]
pub struct ThreatModel;

/// docs/architecture.md
#[doc = include_str!("../../docs/architecture.md")]
#[derive(Debug)]
pub struct Architecture;
