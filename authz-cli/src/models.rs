//! From the source of a package to what its models declare, with every mistake as a diagnostic.

use std::collections::BTreeMap;
use std::path::PathBuf;

use authz_schema::declare::{Declarations, DeclareError, DeclaredClaim, Subject};
use authz_schema::model::{TypeModel, Types, parse_claims, parse_model, parse_type};
use authz_schema::renames::Renames;
use authz_schema::schema::{EnumType, Schema, Table, TableName, TypeName};
use authz_sql::Ident;
use authz_sql::MEMBERS;
use proc_macro2::Span;
use syn::ext::IdentExt as _;

use crate::diagnostics::Diagnostic;
use crate::expand::{self, Collected, ExpandError, Unseen};
use crate::folder::{Folder, FolderError};
use crate::functions;
use crate::places::{Place, Places};
use crate::project::Project;
use crate::scan::{Declares, Model, scan};

/// What the models of a package declare.
#[derive(Debug, Clone, Default)]
pub struct Models {
    /// The schema.
    pub schema: Schema,
    /// What its tables and columns were called before.
    pub renames: Renames,
    /// Where the scan and the compiler do not see the same structs; only by [`read_expanded`].
    pub unseen: Vec<Unseen>,
    /// Where the tables and their parts are written.
    pub places: Places,
}

/// Why the models of a package cannot be read.
#[derive(Debug)]
pub enum ModelsError {
    /// Mistakes in the models, and places that keep the scan from being complete.
    Mistakes(Vec<Diagnostic>),
    /// rustc cannot expand the package.
    Expand(ExpandError),
    /// The folder of migrations cannot be read, where hand-written ones make functions that policies may call.
    Folder(FolderError),
}

impl From<FolderError> for ModelsError {
    fn from(error: FolderError) -> Self {
        Self::Folder(error)
    }
}

impl From<Vec<Diagnostic>> for ModelsError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self::Mistakes(diagnostics)
    }
}

/// Reads what the models of `project` declare, by a scan of its source.
///
/// # Errors
///
/// Every mistake in the models, and every place that keeps the scan from being complete.
pub fn read(project: &Project) -> Result<Models, ModelsError> {
    let models =
        scan(project).map_err(|errors| errors.into_iter().map(Diagnostic::from).collect::<Vec<_>>())?;
    declared(project, &models)
}

/// Reads what the models of `project` declare, by the derive itself, which rustc runs.
///
/// # Errors
///
/// Every mistake in the models, and why rustc cannot expand the package.
pub fn read_expanded(project: &Project) -> Result<Models, ModelsError> {
    let Collected { models, unseen } = match expand::collect(project) {
        Ok(collected) => collected,
        Err(ExpandError::Source(errors)) => {
            let diagnostics: Vec<_> = errors.into_iter().map(Diagnostic::from).collect();
            return Err(diagnostics.into());
        }
        Err(error) => return Err(ModelsError::Expand(error)),
    };
    Ok(Models {
        unseen,
        ..declared(project, &models)?
    })
}

/// What these models declare, together with `authz.toml` and the functions of the package.
fn declared(project: &Project, models: &[Model]) -> Result<Models, ModelsError> {
    let mut diagnostics = Vec::new();
    let mut declarations = Declarations::default();
    let mut renames = Renames::default();
    let mut written = Places::default();
    let (types, enums) = types(models, &mut renames, &mut written, &mut diagnostics);
    declarations.enums = enums;
    let mut taken: BTreeMap<(Ident, Ident), Owner> = BTreeMap::new();
    let tables = models.iter().filter(|model| model.declares == Declares::Table);
    for model in tables.clone() {
        match parse_model(&model.input, &types) {
            Err(error) => diagnostics.extend(Diagnostic::of(model, &error)),
            Ok(parsed) => {
                written.add_table(model, &parsed);
                renames.extend(parsed.renames);
                diagnostics.extend(take_names(&mut taken, model, &parsed.table));
                declarations.tables.push(parsed.table);
                declarations.memberships.extend(parsed.memberships);
            }
        }
    }
    let claims = claims(models, &types, &mut diagnostics);
    declarations.claims = claims.iter().map(|claim| claim.declared.clone()).collect();
    for claim in &claims {
        let function = claim.declared.function.clone();
        written.add_other(function, Place::of(claim.model, claim.span));
    }
    match functions::read(&project.root) {
        Ok(functions) => {
            for (file, function) in functions {
                written.add_other(function.signature.name.name.clone(), Place::begin(&file));
                declarations.functions.push(function);
            }
        }
        Err(errors) => diagnostics.extend(errors),
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics.into());
    }
    let folder = Folder::at(project.migrations.clone());
    declarations.functions_elsewhere = Some(folder.functions_by_hand(&["auth", MEMBERS])?);
    let places: BTreeMap<TableName, &Model> = declarations
        .tables
        .iter()
        .map(|table| table.name.clone())
        .zip(tables)
        .collect();
    match declarations.schema(&project.config) {
        Ok(schema) => Ok(Models {
            schema,
            renames,
            unseen: Vec::new(),
            places: written,
        }),
        Err(errors) => {
            let errors = errors
                .into_iter()
                .flat_map(|DeclareError { of, message }| match of {
                    Subject::Table(table) => places
                        .get(&table)
                        .map(|model| at(model, message))
                        .into_iter()
                        .collect(),
                    Subject::Claim(function) => claims
                        .iter()
                        .find(|claim| claim.declared.function == function)
                        .map_or_else(Vec::new, |claim| claim.at(message)),
                });
            Err(errors.collect::<Vec<_>>().into())
        }
    }
}

/// A claim with the place of its field.
struct PlacedClaim<'a> {
    declared: DeclaredClaim,
    model: &'a Model,
    span: Span,
}

impl PlacedClaim<'_> {
    /// A mistake at the field.
    fn at(&self, message: String) -> Vec<Diagnostic> {
        Diagnostic::of(self.model, &syn::Error::new(self.span, message))
    }

    fn line(&self) -> usize {
        match self.model.expanded {
            true => self.model.line,
            false => self.span.start().line,
        }
    }
}

/// The claims of all structs. Two may name one function where both mean the same.
fn claims<'a>(models: &'a [Model], types: &Types, diagnostics: &mut Vec<Diagnostic>) -> Vec<PlacedClaim<'a>> {
    let mut claims: Vec<PlacedClaim<'_>> = Vec::new();
    for model in models.iter().filter(|model| model.declares == Declares::Claims) {
        let fields = match parse_claims(&model.input, types) {
            Ok(parsed) => parsed.claims,
            Err(error) => {
                diagnostics.extend(Diagnostic::of(model, &error));
                continue;
            }
        };
        for field in fields {
            let claim = PlacedClaim {
                declared: field.declared,
                model,
                span: field.span,
            };
            let other = claims
                .iter()
                .find(|other| other.declared.function == claim.declared.function);
            if let Some(other) = other
                && (&other.declared.claim, &other.declared.claim_type)
                    != (&claim.declared.claim, &claim.declared.claim_type)
            {
                diagnostics.extend(claim.at(format!(
                    "the function `{}` gives the claim `{}` as {} already ({}:{}); name this one otherwise: \
                     `#[claim(function = \"…\")]`",
                    claim.declared.function.as_str(),
                    other.declared.claim,
                    other.declared.claim_type,
                    other.model.file.display(),
                    other.line()
                )));
            }
            claims.push(claim);
        }
    }
    claims
}

/// The types that the package names: newtypes after what they hold, in whatever order they stand in the source.
fn types(
    models: &[Model],
    renames: &mut Renames,
    written: &mut Places,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Types, Vec<EnumType>) {
    let mut types = Types::default();
    let mut enums: Vec<EnumType> = Vec::new();
    let mut places: BTreeMap<TypeName, &Model> = BTreeMap::new();
    let mut open: Vec<&Model> = models
        .iter()
        .filter(|model| matches!(model.declares, Declares::Type | Declares::Alias))
        .collect();
    loop {
        let before = open.len();
        let mut errors = Vec::new();
        open.retain(|model| {
            let name = model.input.ident.unraw().to_string();
            match (model.declares, &model.input.data) {
                (Declares::Alias, syn::Data::Struct(data)) => {
                    let aliased = data.fields.iter().next().map(|field| &field.ty);
                    !aliased.is_some_and(|ty| types.add_alias(&name, ty))
                }
                _ => match parse_type(&model.input, &types) {
                    Err(error) => {
                        errors.extend(Diagnostic::of(model, &error));
                        true
                    }
                    Ok(TypeModel {
                        sql,
                        enum_type,
                        renames: former,
                        serde_differs,
                        ..
                    }) => {
                        types.add(&name, &sql);
                        if enum_type.is_some() {
                            types.add_enum(&sql, serde_differs);
                        }
                        renames.extend(former);
                        if let Some(item) = enum_type {
                            written.add_other(item.name.name.clone(), Place::of_name(model));
                            let other = places.insert(item.name.clone(), model);
                            diagnostics.extend(other.map(|other| same_type(model, other, &item.name)));
                            enums.push(item);
                        }
                        false
                    }
                },
            }
        });
        if open.len() == before {
            diagnostics.append(&mut errors);
            return (types, enums);
        }
    }
}

fn same_type(model: &Model, other: &Model, name: &TypeName) -> Diagnostic {
    at(
        model,
        format!(
            "the type {name} is declared at {}:{} already; write another `type_name` on one of the two",
            other.file.display(),
            other.line
        ),
    )
}

/// A mistake at the name of a model.
fn at(model: &Model, message: String) -> Diagnostic {
    model.at(message).into()
}

/// Which table has a name, and where it is declared.
struct Owner {
    table: TableName,
    file: PathBuf,
    line: usize,
}

/// Notes the names of a table, or says whose they are already: tables and indexes of a namespace share theirs.
fn take_names(
    taken: &mut BTreeMap<(Ident, Ident), Owner>,
    model: &Model,
    table: &Table,
) -> Option<Diagnostic> {
    let namespace = &table.name.namespace;
    let clash = table
        .relation_names()
        .find_map(|name| Some((name, taken.get(&(namespace.clone(), name.clone()))?)))
        .map(|(name, owner)| clash(model, table, name, owner));
    for name in table.relation_names() {
        taken
            .entry((namespace.clone(), name.clone()))
            .or_insert_with(|| Owner {
                table: table.name.clone(),
                file: model.file.clone(),
                line: model.line,
            });
    }
    clash
}

fn clash(model: &Model, table: &Table, name: &Ident, owner: &Owner) -> Diagnostic {
    let place = format!("{}:{}", owner.file.display(), owner.line);
    let what = if owner.table == table.name {
        format!("the table {} is declared at {place} already", table.name)
    } else {
        format!(
            "the name {name} is taken in {} by {} ({place}), for itself or an index",
            table.name.namespace, owner.table
        )
    };
    at(
        model,
        format!("{what}; write `#[table(name = \"…\")]` on one of the two"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, MANIFEST};
    use crate::project::ProjectOptions;

    fn messages(source: &str) -> Vec<String> {
        let fixture = Fixture::new(&[("Cargo.toml", MANIFEST), ("src/lib.rs", source)]);
        let options = ProjectOptions {
            manifest_path: Some(fixture.path("Cargo.toml")),
            ..ProjectOptions::default()
        };
        let project = Project::find(&options).unwrap();
        let Err(ModelsError::Mistakes(errors)) = read(&project) else {
            return Vec::new();
        };
        let place = |diagnostic: &Diagnostic| format!("{}:{}", diagnostic.line(), diagnostic.column());
        let said = |diagnostic: Diagnostic| format!("{} {}", place(&diagnostic), diagnostic.message);
        errors.into_iter().map(said).collect()
    }

    #[test]
    fn two_structs_cannot_be_one_table() {
        let source = "#[derive(authz::Table)] #[rls(select = true)] struct Todo { id: i64 }
            mod other { #[derive(authz::Table)] #[rls(select = true)] struct Todo { id: i64 } }";
        let messages = messages(source);
        assert_eq!(messages.len(), 1);
        assert!(
            messages[0].contains(" the table public.todos is declared at "),
            "{messages:?}"
        );
    }

    #[test]
    fn two_tables_cannot_have_an_index_of_the_same_name() {
        let with = |second: &str| {
            format!(
                "#[derive(authz::Table)] #[table(name = \"a_b\", index(c))] #[rls(select = true)] struct One {{ c: i64 }}
                 #[derive(authz::Table)] #[table(name = \"{second}\", index(b_c))] #[rls(select = true)] struct Two {{ b_c: i64 }}"
            )
        };
        let found = messages(&with("a"));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains(" the name a_b_c_idx is taken in public by public.a_b"),
            "{found:?}"
        );
        assert!(messages(&with("z")).is_empty());
    }

    const NOTE: &str =
        "#[derive(authz::Table)] #[rls(select = \"level > auth.level()\")] struct Note { level: i64 }\n";

    #[test]
    fn two_structs_may_name_one_claim_where_they_mean_the_same() {
        let with = |second: &str| {
            format!(
                "{NOTE}#[derive(authz::Claims)] struct One {{ level: i64 }}
type Number = i64;
mod a {{ #[derive(authz::Claims)] struct Two {{ x: String, {second} }} }}"
            )
        };
        let same = "#[claim(function = \"level\")] #[serde(rename = \"level\")] how_far: Option<Number>";
        assert!(messages(&with(same)).is_empty());
        for other in ["level: i32", "#[serde(rename = \"lvl\")] level: i64"] {
            let found = messages(&with(other));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(
                found[0].starts_with("4:")
                    && found[0].contains("the function `level` gives the claim `level` as bigint already ("),
                "{found:?}"
            );
        }
    }

    #[test]
    fn mistakes_of_claims_have_the_words_of_the_derive_and_their_places() {
        let found = messages(&format!(
            "{NOTE}#[derive(authz::Claims)]\nstruct Session {{\n    user_id: String,\n    level: u8,\n}}"
        ));
        assert_eq!(
            found,
            [
                "4:5 auth.user_id() is there already, with a meaning of its own; name this one otherwise: \
                 `#[claim(function = \"…\")]`",
                "5:12 PostgreSQL has no type for `u8`; use i16, or Vec<u8> for bytea",
            ]
        );
    }

    #[test]
    fn a_policy_that_calls_a_claim_which_no_struct_has_is_a_mistake_at_its_struct() {
        let found = messages(&format!(
            "{NOTE}#[derive(authz::Claims)] struct Session {{ levels: i64 }}"
        ));
        assert_eq!(
            found,
            ["1:72 there is no function auth.level(); did you mean auth.levels()?"]
        );
        assert!(
            messages(&format!(
                "{NOTE}#[derive(authz::Claims)] struct Session {{ level: i64 }}"
            ))
            .is_empty()
        );
    }
}
