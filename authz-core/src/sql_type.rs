//! What the compiler knows of the SQL types of fields.

/// A Rust type with an SQL type that migrations can name.
///
/// The derives `Table` and `Claims` ask for it where a field's type has a name that says nothing, such as `Mood` or `UserId`:
/// `#[derive(authz::Type)]` on an enum or a newtype implements it.
///
/// # Example
///
/// ```
/// #[derive(sqlx::Type, authz::Type)]
/// #[sqlx(type_name = "mood", rename_all = "snake_case")]
/// enum Mood {
///     Happy,
///     VerySad,
/// }
///
/// #[derive(sqlx::Type, authz::Type)]
/// #[sqlx(transparent)]
/// struct Karma(i64);
///
/// use authz::Type;
/// assert_eq!(Mood::SQL_NAME, "public.mood");
/// assert_eq!(Karma::SQL_NAME, "bigint");
/// ```
#[diagnostic::on_unimplemented(
    message = "the SQL type of `{Self}` is not known; derive `authz::Type` for it, or write `#[column(type = \"…\")]`, or for a claim `#[claim(type = \"…\")]`",
    label = "no SQL type is known for this",
    note = "an enum becomes a type of its own; a struct around one value, such as `struct UserId(Uuid)`, has the type of the value"
)]
pub trait Type {
    /// The type's name in SQL, such as `bigint` or `public.mood`.
    const SQL_NAME: &'static str;
}

macro_rules! sql_types {
    ($($rust:ty => $sql:literal),* $(,)?) => {
        $(impl Type for $rust {
            const SQL_NAME: &'static str = $sql;
        })*
    };
}

sql_types! {
    bool => "boolean",
    i8 => "\"char\"",
    i16 => "smallint",
    i32 => "integer",
    i64 => "bigint",
    f32 => "real",
    f64 => "double precision",
    String => "text",
    str => "text",
    Vec<u8> => "bytea",
    std::net::IpAddr => "inet",
}

#[cfg(feature = "uuid")]
sql_types!(sqlx::types::Uuid => "uuid");

#[cfg(feature = "chrono")]
sql_types! {
    sqlx::types::chrono::NaiveDate => "date",
    sqlx::types::chrono::NaiveTime => "time",
    sqlx::types::chrono::NaiveDateTime => "timestamp",
}

#[cfg(feature = "chrono")]
impl<Tz: sqlx::types::chrono::TimeZone> Type for sqlx::types::chrono::DateTime<Tz> {
    const SQL_NAME: &'static str = "timestamptz";
}

#[cfg(feature = "time")]
sql_types! {
    sqlx::types::time::Date => "date",
    sqlx::types::time::Time => "time",
    sqlx::types::time::PrimitiveDateTime => "timestamp",
    sqlx::types::time::OffsetDateTime => "timestamptz",
}

#[cfg(feature = "rust_decimal")]
sql_types!(sqlx::types::Decimal => "numeric");

#[cfg(feature = "bigdecimal")]
sql_types!(sqlx::types::BigDecimal => "numeric");

#[cfg(feature = "json")]
impl<T> Type for sqlx::types::Json<T> {
    const SQL_NAME: &'static str = "jsonb";
}

#[cfg(feature = "json")]
sql_types!(sqlx::types::JsonValue => "jsonb");
