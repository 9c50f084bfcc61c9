//! The SQL type of a Rust type, as sqlx maps it.

/// The SQL type of a field, of what is in it where it is an `Option`; or what to do where the name alone does not
/// tell it.
pub(super) fn of(ty: &syn::Type) -> Result<String, String> {
    match name_of(generic(ty, "Option").unwrap_or(ty))? {
        name if name == "u8" => {
            Err("PostgreSQL has no type for `u8`; use i16, or Vec<u8> for bytea".to_owned())
        }
        name => Ok(name),
    }
}

/// Whether a field may be NULL, for a field whose SQL type is given by `type = "…"`.
pub(super) fn is_option(ty: &syn::Type) -> bool {
    generic(ty, "Option").is_some()
}

fn name_of(ty: &syn::Type) -> Result<String, String> {
    let unknown =
        || "the SQL type of this Rust type is not known; write `#[column(type = \"…\")]`".to_owned();
    if let Some(item) = generic(ty, "Vec") {
        return match name_of(item)?.as_str() {
            "u8" => Ok("bytea".to_owned()),
            array if array.ends_with("[]") => {
                Err("PostgreSQL arrays of arrays have no type of their own; write \
                                                   `#[column(type = \"…[]\")]`"
                    .to_owned())
            }
            item => Ok(format!("{item}[]")),
        };
    }
    if let Some(inner) = generic(ty, "Box") {
        return name_of(inner);
    }
    let segment = last_segment(ty).ok_or_else(unknown)?;
    let name = segment.ident.to_string();
    let sql = match name.as_str() {
        "bool" => "boolean",
        "i8" => "\"char\"",
        "i16" => "smallint",
        "i32" => "integer",
        "i64" => "bigint",
        "f32" => "real",
        "f64" => "double precision",
        "String" | "str" => "text",
        "Uuid" => "uuid",
        "DateTime" | "OffsetDateTime" => "timestamptz",
        "NaiveDateTime" | "PrimitiveDateTime" => "timestamp",
        "NaiveDate" | "Date" => "date",
        "NaiveTime" | "Time" => "time",
        "PgInterval" => "interval",
        "Decimal" | "BigDecimal" => "numeric",
        "Json" | "Value" => "jsonb",
        "IpNetwork" | "IpNet" | "IpAddr" => "inet",
        "MacAddress" => "macaddr",
        "BitVec" => "varbit",
        // Only as the item of a Vec: bytea.
        "u8" => "u8",
        "u16" | "u32" | "u64" | "u128" | "usize" | "i128" | "isize" => {
            return Err(format!(
                "PostgreSQL has no type for `{name}`; use i16, i32 or i64"
            ));
        }
        _ => return Err(unknown()),
    };
    Ok(sql.to_owned())
}

fn last_segment(ty: &syn::Type) -> Option<&syn::PathSegment> {
    match ty {
        syn::Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        syn::Type::Group(group) => last_segment(&group.elem),
        syn::Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The argument of `name<…>`.
fn generic<'a>(ty: &'a syn::Type, name: &str) -> Option<&'a syn::Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    match &segment.arguments {
        syn::PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                syn::GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_types_map_as_sqlx_maps_them() {
        for (rust, sql, nullable) in [
            ("i64", "bigint", false),
            ("Option<String>", "text", true),
            (
                "std::option::Option<chrono::DateTime<chrono::Utc>>",
                "timestamptz",
                true,
            ),
            ("Vec<u8>", "bytea", false),
            ("Option<Vec<Uuid>>", "uuid[]", true),
            ("sqlx::types::Json<Settings>", "jsonb", false),
            ("Box<str>", "text", false),
        ] {
            let ty = syn::parse_str(rust).unwrap();
            assert_eq!(
                (of(&ty).as_deref(), is_option(&ty)),
                (Ok(sql), nullable),
                "{rust}"
            );
        }
    }

    #[test]
    fn types_without_a_known_sql_type_are_refused() {
        for rust in [
            "u32",
            "Vec<Vec<i32>>",
            "Money",
            "(i32, i32)",
            "&str",
            "usize",
            "u8",
            "Option<u8>",
        ] {
            assert!(of(&syn::parse_str(rust).unwrap()).is_err(), "{rust}");
        }
    }
}
