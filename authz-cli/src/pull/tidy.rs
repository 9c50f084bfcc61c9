//! From PostgreSQL's form of an expression to the text of an attribute that means the same.
//!
//! The server writes more than was written: parentheses around everything, a name for each subquery, a cast for each
//! literal. Only what an attribute puts back by itself is taken away, and what is taken away is proved: what the model makes of the
//! shorter text must be the same as what was read.

use authz_sql::expression::{Expression, Place};
use authz_sql::{AUTH, Ident};

/// An expression, as read and as an attribute says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// What the attribute says.
    pub(super) source: String,
    /// What the database says, in the words of the model where these mean the same.
    pub(super) sql: String,
}

/// The attribute's text for an expression of a policy.
pub(super) fn policy(deparsed: &str) -> Text {
    let read = Expression::unchecked(deparsed).spaced().bare();
    let values = read.with_scalars(&|value| Some(value.to_string()));
    let named = read.without_names();
    let candidates = [
        read.with_scalars(&|value| Some(value.bare().to_string()))
            .without_json_casts(),
        values.without_json_casts(),
        values,
        named.clone(),
        read.clone(),
    ];
    for source in candidates {
        let source = source.bare();
        if let Some(sql) = model_text(&source)
            && sql.without_names().same(&named)
        {
            return Text {
                source: source.to_string(),
                sql: sql.to_string(),
            };
        }
    }
    // The model writes it otherwise anyway, so that a subquery which would run once a row can go.
    let session = read.with_scalars(&|value| calls_only_session_functions(value).then(|| value.to_string()));
    let source = session.without_json_casts().bare();
    let source = if model_text(&source).is_some() {
        source
    } else {
        named.clone()
    };
    Text {
        source: source.to_string(),
        sql: named.to_string(),
    }
}

/// Whether one value comes out of it, whatever else the database has: no function that gives rows.
fn calls_only_session_functions(value: &Expression) -> bool {
    value.calls().iter().all(|call| {
        let name = call.name.as_str();
        match call.namespace.as_ref().map(Ident::as_str) {
            None => name == "current_setting",
            Some(namespace) => namespace == AUTH,
        }
    })
}

/// What the model makes of an attribute's text.
pub(super) fn said(source: &str) -> String {
    model_text(&Expression::unchecked(source)).map_or_else(|| source.to_owned(), |sql| sql.to_string())
}

/// The attribute's text for one that the lock holds, which the model made from a shorter one.
pub(super) fn of_lock(sql: &Expression) -> Text {
    let short = sql.with_scalars(&|value| Some(value.to_string()));
    let is_said = model_text(&short).as_ref() == Some(sql);
    let source = if is_said { &short } else { sql };
    Text {
        source: source.to_string(),
        sql: sql.to_string(),
    }
}

/// The attribute's text for an expression outside of policies, which the model takes as it is.
pub(super) fn plain(deparsed: &str) -> Expression {
    Expression::unchecked(deparsed.trim()).bare()
}

/// The text of a default. The cast of a lone literal to the column's own type comes back by itself.
pub(super) fn default(deparsed: &str, column_type: &str) -> Expression {
    plain(deparsed).without_cast_to(column_type)
}

fn model_text(source: &Expression) -> Option<Expression> {
    Expression::parse(source.as_str(), Place::Policy)
        .ok()
        .map(|expression| expression.wrapped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_of_ours_become_what_their_attributes_said() {
        for (deparsed, source) in [
            (
                "(( SELECT auth.user_id() AS user_id) = user_id)",
                "auth.user_id() = user_id",
            ),
            (
                "(( SELECT (auth.session() ->> 'tenant_id'::text)) = (id)::text)",
                "auth.session() ->> 'tenant_id' = (id)::text",
            ),
            (
                "(note_id IN ( SELECT notes.id\n   FROM public.notes\n  WHERE (notes.owner_id = ( SELECT auth.user_id() AS user_id))))",
                "note_id IN (SELECT notes.id FROM public.notes WHERE (notes.owner_id = auth.user_id()))",
            ),
            ("true", "true"),
            (
                "(current_setting('x.y'::text))::boolean",
                "(current_setting('x.y'::text))::boolean",
            ),
        ] {
            let text = policy(deparsed);
            assert_eq!(text.source, source);
        }
    }

    #[test]
    fn what_the_model_would_write_otherwise_keeps_its_own_text() {
        // A bare call runs once a row; the model writes it as a subquery.
        let text = policy("(auth.uid() = user_id)");
        assert_eq!(
            (text.source.as_str(), text.sql.as_str()),
            ("auth.uid() = user_id", "auth.uid() = user_id")
        );
        // A subquery around the whole comparison runs once a row too.
        let text = policy("( SELECT (auth.user_id() = user_id))");
        assert_eq!(
            (text.source.as_str(), text.sql.as_str()),
            ("auth.user_id() = user_id", "(SELECT (auth.user_id() = user_id))")
        );
        // One with another function may give several rows.
        let text = policy("( SELECT (public.ids(auth.user_id()) = user_id))");
        assert_eq!(text.source, "(SELECT (public.ids(auth.user_id()) = user_id))");
    }

    #[test]
    fn parentheses_with_a_meaning_stay() {
        for (deparsed, source) in [
            ("(a IN ( SELECT c.b\n   FROM c))", "a IN (SELECT c.b FROM c)"),
            ("((a + b) * c)", "(a + b) * c"),
            ("((a) = (b))", "(a) = (b)"),
            ("( SELECT 1)", "(SELECT 1)"),
        ] {
            assert_eq!(policy(deparsed).source, source);
        }
        assert_eq!(plain("((a = 'x (' ::text))"), "a = 'x (' ::text");
    }

    #[test]
    fn the_cast_of_a_default_goes_only_where_it_comes_back() {
        for (deparsed, column_type, text) in [
            ("'new'::text", "text", "'new'"),
            ("'{}'::jsonb", "jsonb", "'{}'"),
            ("'it''s'::text", "text", "'it''s'"),
            ("('a'::text || 'b'::text)", "text", "'a'::text || 'b'::text"),
            ("(1)::text", "text", "(1)::text"),
            ("'new'::text", "uuid", "'new'::text"),
            ("now()", "timestamp with time zone", "now()"),
        ] {
            assert_eq!(default(deparsed, column_type), text);
        }
    }
}
