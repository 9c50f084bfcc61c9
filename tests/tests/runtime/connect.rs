//! A login role that row security does not bind is refused, and the allowed neighbour is not.

use authz::{Authz, Builder, ConnectError, Issuer, IssuerError};
use authz_tests::keys::{AUDIENCE, ISSUER};
use sqlx::postgres::PgConnectOptions;

use super::setup::Setup;

async fn refusal(builder: Builder, options: PgConnectOptions) -> ConnectError {
    let error = builder.connect_with(options).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("not secret"), "{shown}");
    error
}

/// Runs SQL, expects a refusal whose text begins so, undoes it, and expects none.
async fn assert_refused_while(setup: &Setup, sql: &str, undo: &str, text: &str) {
    setup.database.execute(sql).await;
    let error = refusal(setup.builder(), setup.database.login_options()).await;
    let text = text.replace("$name", &setup.database.name);
    assert!(error.to_string().starts_with(&text), "{sql}: {error}");
    setup.database.execute(undo).await;
    setup.connect().await;
}

#[tokio::test]
async fn a_superuser_is_refused() {
    let setup = Setup::new().await;
    let error = refusal(setup.builder(), setup.database.admin()).await;
    assert!(matches!(error, ConnectError::Superuser(_)), "{error}");
    let url = authz_tests::database::admin();
    let error = refusal(setup.builder(), url).await;
    assert!(
        error
            .to_string()
            .contains("is a superuser, whom row security does not bind; connect as"),
        "{error}"
    );
}

#[tokio::test]
async fn a_login_role_with_a_dangerous_attribute_is_refused() {
    let setup = Setup::new().await;
    for (attribute, text) in [
        ("BYPASSRLS", "a role with BYPASSRLS"),
        ("CREATEROLE", "a role with CREATEROLE"),
        ("REPLICATION", "a role with REPLICATION"),
    ] {
        assert_refused_while(
            &setup,
            &format!("ALTER ROLE $name_login {attribute}"),
            &format!("ALTER ROLE $name_login NO{attribute}"),
            &format!("the login role `$name_login` is {text}"),
        )
        .await;
        // Attributes are not inherited, and can be assumed by SET ROLE, also over two steps.
        assert_refused_while(
            &setup,
            &format!("CREATE ROLE $name_other {attribute}; GRANT $name_other TO $name_user"),
            "DROP ROLE $name_other",
            &format!("the login role `$name_login` may SET ROLE to `$name_other`, which is {text}"),
        )
        .await;
    }
}

#[tokio::test]
async fn a_login_role_that_reaches_the_servers_files_is_refused() {
    let setup = Setup::new().await;
    for role in [
        "pg_execute_server_program",
        "pg_read_server_files",
        "pg_write_server_files",
    ] {
        assert_refused_while(
            &setup,
            &format!("GRANT {role} TO $name_login"),
            &format!("REVOKE {role} FROM $name_login"),
            &format!("the login role `$name_login` may SET ROLE to `{role}`"),
        )
        .await;
    }
}

#[tokio::test]
async fn the_owner_of_a_governed_table_is_refused_although_row_security_is_forced() {
    let setup = Setup::new().await;
    for owner in ["$name_login", "$name_user"] {
        setup
            .database
            .execute(&format!("ALTER TABLE todos OWNER TO {owner}"))
            .await;
        let error = refusal(setup.builder(), setup.database.login_options()).await;
        assert!(
            matches!(&error, ConnectError::Owner { table, .. } if table == "public.todos"),
            "{error}"
        );
        // Without row security there is nothing to turn off.
        setup
            .database
            .execute("ALTER TABLE todos DISABLE ROW LEVEL SECURITY")
            .await;
        setup.connect().await;
        setup
            .database
            .execute("ALTER TABLE todos ENABLE ROW LEVEL SECURITY")
            .await;
    }
    assert_refused_while(
        &setup,
        "ALTER TABLE todos OWNER TO CURRENT_USER;
         CREATE TABLE parts (id int) PARTITION BY RANGE (id);
         ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
         ALTER TABLE parts OWNER TO $name_login",
        "DROP TABLE parts",
        "the login role `$name_login` is the owner of `public.parts`",
    )
    .await;
}

#[tokio::test]
async fn session_roles_must_exist_and_be_open_to_the_login_role() {
    let setup = Setup::new().await;
    let builder = setup.builder().role("nobody of this name");
    let error = refusal(builder, setup.database.login_options()).await;
    assert!(matches!(&error, ConnectError::MissingRole { role } if role == "nobody of this name"));
    let builder = setup.builder().role("none");
    assert!(matches!(
        refusal(builder, setup.database.login_options()).await,
        ConnectError::MissingRole { .. }
    ));
    assert_refused_while(
        &setup,
        "REVOKE $name_anonymous FROM $name_login",
        "GRANT $name_anonymous TO $name_login",
        "the login role `$name_login` may not SET ROLE to `$name_anonymous`; as an administrator `GRANT",
    )
    .await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_named() {
    let setup = Setup::new().await;
    let jwks = setup.key.jwks();
    let issuer = || Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&jwks);
    let connect = async |builder: Builder| refusal(builder, setup.database.login_options()).await;

    assert!(matches!(connect(Authz::builder()).await, ConnectError::NoIssuer));
    let twice = setup.builder().issuer(issuer());
    assert!(matches!(
        connect(twice).await,
        ConnectError::DuplicateIssuer { .. }
    ));
    let unpicked = setup.builder().allow_role(setup.database.editor());
    assert!(matches!(connect(unpicked).await, ConnectError::NoRoleClaim));
    assert!(matches!(
        connect(setup.builder().role("x".repeat(64))).await,
        ConnectError::RoleName(_)
    ));
    for (issuer, expected) in [
        (Issuer::new("x").jwks_json(&jwks), IssuerError::NoAudience),
        (Issuer::new("x").audience("y"), IssuerError::NoKeys),
        (
            issuer().jwks_url("https://issuer.example"),
            IssuerError::TwoKeySources,
        ),
        (
            Issuer::new("x").any_audience().jwks_json("{}"),
            IssuerError::BadKey,
        ),
        (
            Issuer::new("x").any_audience().public_key_pem("nonsense"),
            IssuerError::BadKey,
        ),
        (
            Issuer::new("x").any_audience().jwks_url("nonsense"),
            IssuerError::BadUrl,
        ),
        (
            Issuer::new("x").any_audience().jwks_url("http://127.0.0.1/"),
            IssuerError::NotHttps,
        ),
    ] {
        let error = connect(Authz::builder().issuer(issuer)).await;
        assert!(
            matches!(error, ConnectError::Issuer { problem, .. } if problem == expected),
            "{expected}"
        );
    }
}

#[tokio::test]
async fn no_error_shows_the_database_url() {
    let setup = Setup::new().await;
    for url in [
        "postgres://app:hunter2@127.0.0.1:1/db?sslmode=hunter2",
        "hunter2",
        "postgres://app:hunter2@127.0.0.1:1/db",
    ] {
        let error = setup.builder().connect(url).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
