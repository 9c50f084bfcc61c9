//! `--expand`: models as rustc gives them to the derive.

use std::fs;
use std::path::Path;

use authz_cli::command::{CommandError, Outcome};
use authz_cli::expand::ExpandError;

use crate::package::{Package, Ran, TODOS};

/// A struct that a macro writes, and one that stands in the source.
const BY_MACRO: &str = "
macro_rules! table {
    ($name:ident) => {
        /// Made by a macro.
        #[derive(authz::Table)]
        #[rls(read = \"true\")]
        pub struct $name {
            pub id: i64,
        }
    };
}
table!(Tag);

#[derive(authz::Table)]
#[rls(read = \"true\")]
pub struct List {
    pub id: i64,
}
";

/// A package that can be compiled: with the crate of this repository, and the versions and the target folder of its
/// workspace, so that what is built for the tests is not built again.
fn package(source: &str) -> Package {
    let package = Package::new(source);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let manifest = fs::read_to_string(package.root().join("Cargo.toml")).unwrap();
    let path = format!("path = \"{}\" }}", workspace.join("authz-core").display());
    let manifest = manifest.replace("version = \"0.1\" }", &path);
    assert!(manifest.contains(&path), "{manifest}");
    fs::write(package.root().join("Cargo.toml"), manifest).unwrap();
    fs::copy(workspace.join("Cargo.lock"), package.root().join("Cargo.lock")).unwrap();
    // This program stands in `<target>/debug/deps`.
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(3).unwrap();
    fs::create_dir(package.root().join(".cargo")).unwrap();
    fs::write(
        package.root().join(".cargo/config.toml"),
        format!(
            "[build]\ntarget-dir = \"{}\"\n[net]\noffline = true\n",
            target.display()
        ),
    )
    .unwrap();
    package
}

#[track_caller]
fn sql(package: &Package) -> String {
    let ran = package.run(&["sql", "--expand"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    ran.out
}

#[track_caller]
fn assert_fine(ran: &Ran) {
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
}

#[test]
fn structs_that_macros_write_are_collected_each_time() {
    let package = package(BY_MACRO);
    let ran = package.run(&["sql"]);
    assert!(
        ran.err
            .contains("write the struct out, or collect with `--expand`"),
        "{}",
        ran.whole()
    );
    let first = sql(&package);
    for table in [
        "CREATE TABLE public.tags",
        "CREATE TABLE public.lists",
        "Made by a macro.",
    ] {
        assert!(first.contains(table), "{table}: {first}");
    }
    // The second time, cargo has nothing to do for the package.
    assert_eq!(sql(&package), first);

    let ran = package.run(&["generate", "create", "--expand"]);
    assert_fine(&ran);
    assert_fine(&package.run(&["check", "--expand", "--no-replay"]));
}

#[test]
fn claims_that_a_macro_writes_are_collected() {
    let package = package(
        "macro_rules! session { ($claim:ident: $type:ty) => {
            #[derive(authz::Claims)] pub struct Session { /// A claim.
            #[serde(rename = \"https://example.com/level\")] pub $claim: Option<$type>, }
        } }
        session!(level: i32);
        #[derive(authz::Claims)] pub struct More { pub org: String, }
        #[derive(authz::Table)] #[rls(read = \"level <= auth.level() and org = auth.org()\")] pub struct List { pub level: i32, pub org: String }",
    );
    let made = sql(&package);
    for function in [
        "CREATE FUNCTION auth.level() RETURNS integer",
        "E'https://example.com/level'",
        "CREATE FUNCTION auth.org() RETURNS text",
        "COMMENT ON FUNCTION auth.level() IS E'A claim.'",
    ] {
        assert!(made.contains(function), "{function}: {made}");
    }
    assert_fine(&package.run(&["generate", "create", "--expand"]));
    assert_fine(&package.run(&["check", "--expand", "--no-replay"]));
}

#[test]
fn a_package_that_does_not_compile_is_collected() {
    let broken = "
        use nowhere::Nothing;
        fn number() -> i64 { \"text\" }
        fn query() { compile_error!(\"set `DATABASE_URL` to use query macros online\"); undefined_macro!(); }
        pub struct Field { of: Unknown }
    ";
    let package = package(&format!("{BY_MACRO}{broken}"));
    // Cargo does not begin with a binary whose library fails.
    fs::write(
        package.root().join("src/main.rs"),
        format!("{TODOS}\nfn main() {{}}"),
    )
    .unwrap();
    let made = sql(&package);
    for table in ["tags", "lists", "todos"] {
        assert!(
            made.contains(&format!("CREATE TABLE public.{table} ")),
            "{table}: {made}"
        );
    }
    fs::write(
        package.root().join("src/main.rs"),
        format!("{BY_MACRO}\nfn main() {{}}"),
    )
    .unwrap();
    let ran = package.run(&["sql", "--expand"]);
    let Err(CommandError::Expand(ExpandError::Target { target, output })) = &ran.result else {
        panic!("{}", ran.whole())
    };
    assert_eq!(target, "--bin models");
    assert!(output.contains("could not compile"), "{output}");
}

#[test]
fn what_a_build_script_writes_is_collected() {
    let package = package("include!(concat!(env!(\"OUT_DIR\"), \"/models.rs\"));");
    let build = format!(
        "fn main() {{ let out = std::env::var(\"OUT_DIR\").unwrap(); std::fs::write(out + \"/models.rs\", {BY_MACRO:?}).unwrap(); }}"
    );
    fs::write(package.root().join("build.rs"), build).unwrap();
    let ran = package.run(&["sql"]);
    assert!(
        ran.err
            .contains("write the path as a literal, or collect with `--expand`"),
        "{}",
        ran.whole()
    );
    let made = sql(&package);
    assert!(
        made.contains("CREATE TABLE public.tags") && made.contains("CREATE TABLE public.lists"),
        "{made}"
    );
}

#[test]
fn a_file_that_is_not_rust_is_an_error_at_its_place() {
    let package = package(&format!("mod broken;\n{BY_MACRO}"));
    fs::write(package.root().join("src/broken.rs"), "mod more {\n    fn f() {\n").unwrap();
    let ran = package.run(&["sql", "--expand"]);
    assert!(
        matches!(ran.result, Err(CommandError::Models(_))),
        "{}",
        ran.whole()
    );
    assert!(
        ran.err.contains("src/broken.rs:2:12") && ran.err.contains("this delimiter has no counterpart"),
        "{}",
        ran.whole()
    );
}

#[test]
fn a_mistake_in_a_struct_that_a_macro_writes_stands_at_its_name() {
    let package = package(&BY_MACRO.replacen("read = \"true\"", "read = \"nothing\"", 1));
    let ran = package.run(&["sql", "--expand"]);
    assert!(
        matches!(ran.result, Err(CommandError::Models(_))),
        "{}",
        ran.whole()
    );
    assert!(
        ran.err.contains("src/lib.rs:12:8") && ran.err.contains("has no column `nothing`"),
        "{}",
        ran.whole()
    );
}

#[test]
fn check_finds_where_the_scan_and_the_compiler_differ() {
    // A macro of another crate writes a whole table, of which the scan sees nothing; a `cfg` takes one away from rustc.
    let package = package(
        "authz_tables::tag!();
        #[cfg(not(debug_assertions))] #[derive(authz::Table)] #[rls(read = \"true\")] pub struct Off { pub id: i64 }
        #[derive(authz::Table)] #[rls(read = \"true\")] pub struct List { pub id: i64 }",
    );
    let other = package.root().join("tables");
    fs::create_dir_all(other.join("src")).unwrap();
    fs::write(
        other.join("Cargo.toml"),
        "[package]\nname = \"authz_tables\"\nversion = \"0.0.0\"\nedition = \"2024\"\n",
    )
    .unwrap();
    let tag = "#[macro_export] macro_rules! tag { () => {
        #[derive(authz::Table)] #[rls(read = \"true\")] pub struct Tag { pub id: i64 }
    } }";
    fs::write(other.join("src/lib.rs"), tag).unwrap();
    let manifest = package.root().join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replace("[workspace]", "authz_tables = { path = \"tables\" }\n[workspace]"),
    )
    .unwrap();

    let ran = package.run(&["check", "--expand", "--no-replay"]);
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    assert!(
        ran.out.contains("Tag (") && ran.out.contains("only the compiler sees it"),
        "{}",
        ran.whole()
    );
    assert!(!ran.out.contains("List ("), "{}", ran.whole());
    assert!(ran.out.contains("CREATE TABLE public.tags"), "{}", ran.whole());
}
