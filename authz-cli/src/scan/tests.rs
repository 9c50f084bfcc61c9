use quote::ToTokens as _;

use super::Declares;
use crate::fixture::{Fixture, MANIFEST, table};

const BROKEN: &str = r#"
use nowhere::Nothing;
struct Unknown(NoSuchType);
fn failing() -> i64 {
    let row = sqlx::query!("SELECT * FROM missing").fetch_one(&pool).await?;
    undefined_macro!(row);
    "not a number"
}
"#;

fn lib(text: &str) -> Fixture {
    Fixture::new(&[("src/lib.rs", text)])
}

#[test]
fn every_kind_of_place_is_found_in_a_crate_that_does_not_compile() {
    let root = format!(
        "{BROKEN}{}{}",
        table!("TopLevel"),
        r#"
        mod nested;
        mod folder;
        #[path = "odd/place.rs"] mod elsewhere;
        mod inline { #[derive(authz::Table)] #[rls(select = "true")] struct Inline { id: i64 } }
        fn body() { #[derive(authz::Table)] #[rls(select = "true")] struct InBody { id: i64 } }
        include!("included.in");
        #[cfg(feature = "base")] #[derive(authz::Table)] #[rls(select = "true")] struct FeatureOn { id: i64 }
        #[cfg(feature = "extra")] #[derive(authz::Table)] #[rls(select = "true")] struct FeatureOff { id: i64 }
        #[cfg_attr(feature = "base", derive(authz::Table), rls(select = "true"))] struct CfgAttr { id: i64 }
        "#
    );
    let fixture = Fixture::new(&[
        ("src/lib.rs", &root),
        ("src/nested.rs", concat!("mod deeper;", table!("Nested"))),
        ("src/nested/deeper.rs", table!("Deeper")),
        ("src/folder/mod.rs", concat!("mod sibling;", table!("Folder"))),
        ("src/folder/sibling.rs", table!("Sibling")),
        ("src/odd/place.rs", table!("Elsewhere")),
        ("src/included.in", table!("Included")),
    ]);
    let mut models = fixture.models();
    models.sort();
    assert_eq!(
        models,
        [
            "CfgAttr",
            "Deeper",
            "Elsewhere",
            "FeatureOn",
            "Folder",
            "InBody",
            "Included",
            "Inline",
            "Nested",
            "Sibling",
            "TopLevel"
        ]
    );
}

#[test]
fn a_model_knows_its_file_line_and_column() {
    let fixture = lib("\n  #[derive(authz::Table)] #[rls(select = \"true\")]\n  struct Todo { id: i64 }\n");
    let model = &fixture.scan().unwrap()[0];
    assert_eq!(
        (model.file.clone(), model.line, model.column),
        (fixture.path("src/lib.rs"), 3, 10)
    );
}

#[test]
fn tables_in_impl_blocks_constants_and_closures_are_found() {
    let fixture = lib(concat!(
        "impl X { fn f() { ",
        table!("A"),
        " } }",
        "const C: () = { ",
        table!("B"),
        " };",
        "trait T { fn g() { let h = || { ",
        table!("C"),
        " }; } }",
        "static S: [u8; { ",
        table!("D"),
        " 3 }] = x;",
    ));
    assert_eq!(fixture.models(), ["A", "B", "C", "D"]);
}

#[test]
fn module_files_are_where_rustc_looks_for_them() {
    let fixture = Fixture::new(&[
        (
            "src/lib.rs",
            "mod a; mod inline { mod b; #[path = \"p.rs\"] mod c; } #[path = \"q\"] mod r { mod d; } mod r#type;",
        ),
        (
            "src/a.rs",
            "mod inner { mod e; #[path = \"f.rs\"] mod f; } #[path = \"g.rs\"] mod g;",
        ),
        ("src/inline/b.rs", table!("B")),
        ("src/inline/p.rs", concat!("mod h;", table!("C"))),
        ("src/inline/h.rs", table!("H")),
        ("src/q/d.rs", table!("D")),
        ("src/a/inner/e.rs", table!("E")),
        ("src/a/inner/f.rs", table!("F")),
        ("src/g.rs", table!("G")),
        ("src/type.rs", table!("T")),
        ("src/b.rs", table!("NotInTheTree")),
    ]);
    let mut models = fixture.models();
    models.sort();
    assert_eq!(models, ["B", "C", "D", "E", "F", "G", "H", "T"]);
    assert_eq!(fixture.errors(), [""; 0]);
}

#[test]
fn a_module_without_a_file_is_an_error() {
    let errors = lib("struct Table;\nmod users;\nfn f() {\n    mod local;\n}").errors();
    assert_eq!(errors.len(), 2);
    assert!(
        errors[0].starts_with("src/lib.rs:2:5: file not found for module `users`; expected `"),
        "{errors:?}"
    );
    assert!(
        errors[1].starts_with("src/lib.rs:4:9: the module `local` stands in a block"),
        "{errors:?}"
    );
}

#[test]
fn a_module_with_two_files_is_an_error() {
    let fixture = Fixture::new(&[("src/lib.rs", "mod a;"), ("src/a.rs", ""), ("src/a/mod.rs", "")]);
    assert!(fixture.errors()[0].starts_with("src/lib.rs:1:5: file for module `a` found at both"));
}

#[test]
fn a_module_that_contains_itself_is_an_error() {
    let errors = lib("#[path = \"lib.rs\"] mod again;").errors();
    assert!(errors[0].ends_with("contains itself"), "{errors:?}");
}

#[test]
fn a_file_that_is_not_rust_is_an_error_with_its_place() {
    let fixture = Fixture::new(&[
        ("src/lib.rs", "mod open; mod wrong;"),
        ("src/open.rs", "struct Table;\nfn f() {\n    if x {\n}\n"),
        ("src/wrong.rs", "struct Table;\nfn f() { let = = 3; }\n"),
    ]);
    let errors = fixture.errors();
    assert!(
        errors[0].starts_with("src/open.rs:2:8: this file is not Rust"),
        "{errors:?}"
    );
    assert!(
        errors[1].starts_with("src/wrong.rs:2:14: this file is not Rust"),
        "{errors:?}"
    );
}

#[test]
fn a_table_of_another_crate_is_not_ours() {
    let fixture = lib("use tabled::Table;
        #[derive(Table)] struct A { id: i64 }
        #[derive(tabled::Table)] struct B { id: i64 }
        #[derive(::other::deep::Table)] struct C { id: i64 }
        mod m { use tabled::{Style, *}; #[derive(Table)] struct D { id: i64 } }");
    assert_eq!(fixture.models(), [""; 0]);
}

#[test]
fn our_table_is_found_under_each_of_its_names() {
    let fixture = lib("
        #[macro_use] extern crate authz as x;
        use authz::Table as Model;
        use authz as a;
        use authz::{self as b, Table};
        use b::Table as Twice;
        #[derive(Model)] struct A1 { id: i64 }
        #[derive(a::Table)] struct A2 { id: i64 }
        #[derive(Debug, b::Table, Clone)] struct A3 { id: i64 }
        #[derive(Table)] struct A4 { id: i64 }
        #[derive(Twice)] struct A5 { id: i64 }
        #[derive(x::Table)] struct A6 { id: i64 }
        #[derive(::authz::Table)] struct A7 { id: i64 }
        mod inner { use super::*; #[derive(Table)] struct A8 { id: i64 } }
        fn f() { use authz::Table as T; #[derive(T)] struct A9 { id: i64 } }
        mod other { use common::prelude::*; #[derive(Table)] #[rls(select = \"true\")] struct B1 { id: i64 } }
        #[derive(crate::db::Table)] #[rls(select = \"true\")] struct B2 { id: i64 }");
    assert_eq!(
        fixture.models(),
        ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "B1", "B2"]
    );
}

#[test]
fn a_renamed_dependency_is_ours() {
    let manifest = MANIFEST.replace(
        "authz-core =",
        "rows = { package = \"authz-core\", version = \"0.1\" } #",
    );
    let text = "#[derive(rows::Table)] struct A { id: i64 } #[derive(authz::Table)] struct B { id: i64 }";
    let fixture = Fixture::new(&[("Cargo.toml", &manifest), ("src/lib.rs", text)]);
    assert_eq!(fixture.models(), ["A"]);
}

#[test]
fn rls_without_a_derive_that_the_scan_recognises_is_an_error() {
    let fixture =
        lib("use crate::db::Model;\n#[derive(Model)]\n#[rls(select = \"true\")]\nstruct Todo { id: i64 }");
    assert_eq!(
        fixture.errors(),
        [
            "src/lib.rs:4:8: `Todo` has `#[rls]`, and the scan does not find our derive on it; write \
         `#[derive(authz::Table)]`, or collect with `--expand`"
        ]
    );
}

#[test]
fn a_table_that_a_macro_writes_is_an_error() {
    let message = "`derive(Table)` inside a macro cannot be read from source; write the struct out, or collect with `--expand`";
    let fixture = lib("macro_rules! table {
    ($name:ident) => { #[derive(Debug, Table)] #[rls(select = \"true\")] struct $name { id: i64 } };
}
fn f() {
    wrap! { #[derive($crate::authz::Table)] struct A; }
}
#[remote(derive(authz::Table))]
struct B;
wrap! { #[derive(Model)] #[rls(select = \"true\")] struct C { id: i64 } }
");
    assert_eq!(
        fixture.errors(),
        [
            format!("src/lib.rs:2:26: {message}"),
            format!("src/lib.rs:5:15: {message}"),
            format!("src/lib.rs:7:10: {message}"),
            "src/lib.rs:9:28: `#[rls]` inside a macro cannot be read from source; write the struct out, or collect with `--expand`"
                .to_owned(),
        ]
    );
    let foreign = lib("use tabled::Table; wrap! { #[derive(tabled::Rows, Clone)] struct A; }");
    assert_eq!(foreign.models(), [""; 0]);
}

#[test]
fn a_module_that_a_macro_names_is_followed_and_a_table_in_it_is_an_error() {
    let root = "cfg_if! { if #[cfg(unix)] { pub mod plain; #[path = \"odd.rs\"] mod odd; mod gone; } }
macro_rules! load { ($n:ident) => { mod $n; } }";
    let fixture = Fixture::new(&[
        ("src/lib.rs", root),
        ("src/plain.rs", "#[cfg(test)] mod tests { struct Table; }"),
        ("src/odd.rs", table!("Odd")),
    ]);
    assert_eq!(
        fixture.errors(),
        [
            "src/lib.rs:1:63: a macro decides whether the table `Odd` exists, which the scan cannot know; write it out \
         instead, or collect with `--expand`",
            "src/lib.rs:2:37: a module that a macro names cannot be followed, and may hold tables; write the `mod` item \
         out, or collect with `--expand`",
        ]
    );
}

#[test]
fn an_include_is_followed_when_its_path_is_in_the_source() {
    let fixture = Fixture::new(&[
        (
            "src/lib.rs",
            "include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/models/all.rs\"));
            fn f() -> i64 { include!(\"expression.in\") }",
        ),
        ("models/all.rs", concat!("mod beside;", table!("Included"))),
        ("models/beside.rs", table!("Beside")),
        ("src/expression.in", concat!("{", table!("InExpression"), " 3 }")),
    ]);
    let mut models = fixture.models();
    models.sort();
    assert_eq!(models, ["Beside", "InExpression", "Included"]);
}

#[test]
fn an_include_of_what_a_build_script_writes_is_an_error() {
    let errors = lib("include!(concat!(env!(\"OUT_DIR\"), \"/models.rs\"));\ninclude!(path!());").errors();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].starts_with("src/lib.rs:1:1: an `include!` of a path that only the compiler knows"));
    let errors = lib("include!(\"missing.rs\");").errors();
    assert!(errors[0].contains("missing.rs` cannot be read"), "{errors:?}");
}

#[test]
fn cfg_is_evaluated_with_the_selected_features() {
    let yes = [
        "feature = \"deep\"",
        "not(test)",
        "debug_assertions",
        "all()",
        "not(any())",
        "true",
        "any(tokio_unstable, feature = \"base\")",
        "not(all(tokio_unstable, test))",
    ];
    let no = [
        "feature = \"extra\"",
        "test",
        "any()",
        "false",
        "all(tokio_unstable, test)",
        "not(feature = \"deep\")",
    ];
    for (predicates, expected) in [(&yes[..], 1), (&no[..], 0)] {
        for predicate in predicates {
            let fixture = lib(&format!("#[cfg({predicate})] {}", table!("A")));
            assert_eq!(fixture.models().len(), expected, "{predicate}");
        }
    }
}

#[test]
fn cfg_removes_modules_files_statements_and_fields() {
    let fixture = Fixture::new(&[
        (
            "src/lib.rs",
            concat!(
                "#[cfg(test)] mod tests; mod off; #[cfg_attr(feature = \"base\", path = \"moved.rs\")] mod here;",
                "fn f() { #[cfg(test)] { ",
                table!("InBlock"),
                " } #[cfg(test)] let x = { ",
                table!("InLet"),
                " }; }",
                "impl X { #[cfg(test)] fn f() { ",
                table!("InMethod"),
                " } }",
            ),
        ),
        ("src/off.rs", concat!("#![cfg(test)]\n", table!("Off"))),
        (
            "src/moved.rs",
            "#[derive(authz::Table, Debug)]
            #[cfg_attr(all(), rls(select = \"true\"), doc = \"text\")]
            #[cfg_attr(docsrs, doc(cfg(x)))]
            struct Todo {
                #[cfg(feature = \"extra\")] gone: i64,
                #[cfg(not(feature = \"extra\"))] #[cfg_attr(feature = \"base\", column(primary_key))] id: i64,
            }",
        ),
    ]);
    let models = fixture.scan().unwrap();
    assert_eq!(models.len(), 1);
    let expected: syn::DeriveInput = syn::parse_quote! {
        #[rls(select = "true")]
        #[doc = "text"]
        struct Todo { #[column(primary_key)] id: i64 }
    };
    assert_eq!(
        models[0].input.to_token_stream().to_string(),
        expected.to_token_stream().to_string()
    );
}

#[test]
fn a_cfg_that_only_the_compiler_knows_is_an_error_if_it_decides_about_a_model() {
    let fixture = Fixture::new(&[
        (
            "src/lib.rs",
            "#[cfg(tokio_unstable)] mod a;
#[cfg(loom)] struct Fine;
#[cfg_attr(loom, derive(Debug))] #[derive(authz::Table)] #[rls(select = \"true\")] struct AlsoFine { id: i64 }
#[derive(authz::Table)] #[rls(select = \"true\")] struct B { #[cfg(loom)] id: i64 }
#[cfg_attr(loom, rls(select = \"true\"))] #[derive(authz::Table)] struct C { id: i64 }",
        ),
        ("src/a.rs", table!("A")),
    ]);
    let decides = |place: &str, cfg: &str, what: &str| {
        format!(
            "src/lib.rs:{place}: `cfg({cfg})` decides whether {what} exists, which the scan cannot know; use a \
                 feature of the package instead, or collect with `--expand`"
        )
    };
    assert_eq!(
        fixture.errors(),
        [
            decides("1:1", "tokio_unstable", "the table `A`"),
            decides("4:60", "loom", "the field `id`, or an attribute of it,"),
            decides("5:1", "loom", "the table `C`"),
        ]
    );
}

#[test]
fn a_struct_that_two_targets_reach_is_one_model() {
    let fixture = Fixture::new(&[
        ("src/lib.rs", "pub mod models;"),
        ("src/main.rs", concat!("mod models;", table!("OfMain"))),
        ("src/models.rs", concat!(table!("A"), table!("B"))),
    ]);
    assert_eq!(fixture.models(), ["OfMain", "A", "B"]);
}

#[test]
fn two_structs_of_one_name_are_two_models() {
    let fixture = lib(concat!("mod a { ", table!("A"), " } mod b { ", table!("A"), " }"));
    assert_eq!(fixture.models(), ["A", "A"]);
}

#[test]
fn files_without_a_word_of_ours_are_not_parsed() {
    let fixture = Fixture::new(&[("src/lib.rs", "mod a;"), ("src/a.rs", "fn f( {")]);
    assert_eq!(fixture.models(), [""; 0]);
}

#[test]
fn structs_of_claims_are_found_as_those_of_tables_are() {
    let fixture = Fixture::new(&[
        (
            "src/lib.rs",
            "mod a; mod b { use authz::Claims as C; #[derive(C)] struct Renamed { x: i32 } }
            mod c { use other::Claims; #[derive(Claims)] struct OfAnother { x: i32 } }
            mod d { use authz::Claims; fn f(_: Claims) {} struct Plain { claims: Claims } }
            #[cfg(feature = \"extra\")] #[derive(authz::Claims)] struct Off { x: i32 }",
        ),
        (
            "src/a.rs",
            "use serde::Deserialize; use authz::{Claims, Authz};
            #[derive(Deserialize, Claims)] struct Session { #[cfg(feature = \"extra\")] a: i32, b: i32 }",
        ),
    ]);
    assert_eq!(fixture.errors(), [""; 0]);
    let models = fixture.scan().unwrap();
    let found: Vec<_> = models
        .iter()
        .map(|model| (model.declares, model.input.ident.to_string()))
        .collect();
    let claims = |name: &str| (Declares::Claims, name.to_owned());
    assert_eq!(found, [claims("Session"), claims("Renamed")]);
    let session = models[0].input.to_token_stream().to_string();
    assert!(
        !session.contains("a : i32") && session.contains("b : i32"),
        "{session}"
    );
}

#[test]
fn claims_that_only_the_compiler_sees_are_errors() {
    let errors = lib(
        "macro_rules! session { () => { #[derive(authz::Claims)] struct Session { x: i32 } } }
macro_rules! other { () => { #[derive(other::Claims)] struct Session { x: i32 } } }
#[cfg(loom)] #[derive(authz::Claims)] struct Maybe { x: i32 }",
    )
    .errors();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert_eq!(
        errors[0],
        "src/lib.rs:1:34: `derive(Claims)` inside a macro cannot be read from source; write the struct out, or collect \
         with `--expand`"
    );
    assert!(
        errors[1].contains("decides whether the struct of claims `Maybe` exists"),
        "{errors:?}"
    );
}
