//! What the derive says about mistakes: one file each, named after it, with the whole text of the error.

#[test]
fn every_mistake_is_an_error_at_its_place() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}

#[test]
fn every_attribute_compiles_under_strict_lints() {
    // The library compiled; the names are checked here.
    authz_ui_tests::every_attribute::check();
}

#[test]
fn generated_code_finds_the_crate_by_another_name() {
    authz_ui_tests::another_name::check();
}

/// The text of an error says how many there are; this counts them.
#[test]
fn three_mistakes_in_one_struct_are_three_errors() {
    for expected in [
        include_str!("../fail/three_mistakes_in_one_struct.stderr"),
        include_str!("../fail/three_mistakes_in_one_struct_of_claims.stderr"),
    ] {
        assert_eq!(expected.matches("error").count(), 3, "{expected}");
    }
}
