//! Names as PostgreSQL reads them.

use authz_sql::Ident;

use crate::database::{Database, block_on};

#[test]
fn each_keyword_that_postgresql_reserves_somewhere_is_quoted() {
    block_on(async {
        let mut database = Database::new().await;
        let words: Vec<(String,)> = sqlx::query_as("SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'")
            .fetch_all(&mut database.connection)
            .await
            .unwrap();
        let bare: Vec<String> = words
            .into_iter()
            .map(|(word,)| Ident::new(word).unwrap().to_string())
            .filter(|sql| !sql.starts_with('"'))
            .collect();
        assert_eq!(bare, [""; 0]);
    });
}

#[test]
fn names_mean_the_same_to_postgresql() {
    block_on(async {
        let mut database = Database::new().await;
        for name in [
            "todos",
            "Todos",
            "user",
            "a b",
            "a\"b",
            "naïve",
            "1a",
            "_a",
            "a$",
            "order",
            "\u{1F600}",
            "a\\b",
        ] {
            let ident = Ident::new(name).unwrap();
            database
                .execute(&format!("CREATE TABLE {ident} ({ident} int)"))
                .await;
            let (found,): (bool,) = sqlx::query_as(
                "SELECT EXISTS (SELECT FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid \
                 WHERE relname = $1 AND attname = $1)",
            )
            .bind(name)
            .fetch_one(&mut database.connection)
            .await
            .unwrap();
            assert!(found, "{ident}");
        }
    });
}
