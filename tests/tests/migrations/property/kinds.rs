//! Types of columns, with defaults and values.

/// What is alike among types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Integer,
    Number,
    Text,
    Bool,
    Time,
    Other,
}

/// A type as the source says it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) rust: &'static str,
    /// What `type = "…"` says.
    pub(crate) sql: Option<&'static str>,
    pub(crate) group: Group,
    pub(crate) defaults: &'static [&'static str],
    /// Its values in the first and the second row.
    pub(crate) values: [&'static str; 2],
}

const fn kind(
    rust: &'static str,
    group: Group,
    defaults: &'static [&'static str],
    values: [&'static str; 2],
) -> Kind {
    Kind {
        rust,
        sql: None,
        group,
        defaults,
        values,
    }
}

/// What stands for the type of a column that has an enum.
pub(crate) const ENUM: Kind = kind("", Group::Other, &[], ["", ""]);

/// All kinds that are generated.
pub(crate) const KINDS: &[Kind] = &[
    kind("i64", Group::Integer, &["0", "40 + 2"], ["1", "2"]),
    kind("i32", Group::Integer, &["0", "7"], ["1", "2"]),
    kind("i16", Group::Integer, &["0", "7"], ["1", "2"]),
    kind(
        "String",
        Group::Text,
        &["''", "'it''s'", "auth.user_id()", "'a' || 'b' -- c"],
        ["'1'", "'2'"],
    ),
    kind("Box<str>", Group::Text, &["'x'"], ["'1'", "'2'"]),
    Kind {
        rust: "String",
        sql: Some("varchar(200)"),
        group: Group::Text,
        defaults: &["'x'", "'y'"],
        values: ["'1'", "'2'"],
    },
    kind("bool", Group::Bool, &["false", "true"], ["false", "true"]),
    kind("f64", Group::Number, &["0", "1.5"], ["1", "2"]),
    kind("f32", Group::Number, &["0"], ["1", "2"]),
    kind("Decimal", Group::Number, &["0", "1.50"], ["1", "2"]),
    Kind {
        rust: "Decimal",
        sql: Some("numeric(12, 2)"),
        group: Group::Number,
        defaults: &["0.5"],
        values: ["1", "2"],
    },
    kind(
        "DateTime<Utc>",
        Group::Time,
        &["now()", "clock_timestamp()"],
        ["'2020-01-01'", "'2020-01-02'"],
    ),
    kind(
        "NaiveDateTime",
        Group::Time,
        &["'2000-01-01 00:00:00'"],
        ["'2020-01-01'", "'2020-01-02'"],
    ),
    kind(
        "NaiveDate",
        Group::Time,
        &["'2000-01-01'", "CURRENT_DATE"],
        ["'2020-01-01'", "'2020-01-02'"],
    ),
    kind("NaiveTime", Group::Other, &["'12:00'"], ["'01:00'", "'02:00'"]),
    kind("PgInterval", Group::Other, &["'1 day'"], ["'1 day'", "'2 days'"]),
    kind(
        "Uuid",
        Group::Other,
        &["gen_random_uuid()"],
        ["md5('1')::uuid", "md5('2')::uuid"],
    ),
    kind(
        "serde_json::Value",
        Group::Other,
        &["'{}'", "'{\"a\": \"b;\"}'"],
        ["'{\"a\": 1}'", "'{\"a\": 2}'"],
    ),
    kind("Vec<u8>", Group::Other, &["'\\x00'"], ["'1'", "'2'"]),
    kind(
        "IpNetwork",
        Group::Other,
        &["'127.0.0.1'"],
        ["'10.0.0.1'", "'10.0.0.2'"],
    ),
    kind(
        "MacAddress",
        Group::Other,
        &[],
        ["'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"],
    ),
    kind("BitVec", Group::Other, &["B'101'"], ["B'1'", "B'10'"]),
    kind(
        "Vec<String>",
        Group::Other,
        &["'{}'", "ARRAY['a', 'b']"],
        ["'{1}'", "'{2}'"],
    ),
    kind("Vec<i32>", Group::Other, &["'{}'"], ["'{1}'", "'{2}'"]),
];

impl Kind {
    pub(crate) fn is_integer(&self) -> bool {
        self.group == Group::Integer
    }

    pub(crate) fn is_text(&self) -> bool {
        self.group == Group::Text
    }

    pub(crate) fn is_bool(&self) -> bool {
        self.group == Group::Bool
    }

    /// Whether PostgreSQL casts each value of a type to another without a mistake, when there is no row.
    pub(crate) fn casts_to(&self, other: &Self) -> bool {
        let numbers = |kind: &Self| matches!(kind.group, Group::Integer | Group::Number);
        self.is_text()
            || other.is_text()
            || numbers(self) && numbers(other)
            || self.group == Group::Time && other.group == Group::Time
    }

    /// Whether the values of our rows survive the cast there, and the one back.
    pub(crate) fn keeps_rows_as(&self, other: &Self) -> bool {
        let numbers = |kind: &Self| matches!(kind.group, Group::Integer | Group::Number);
        other.is_text()
            || numbers(self) && numbers(other)
            || self.group == Group::Time && other.group == Group::Time
    }
}
