//! The authz crate by another name: generated code goes where `#[authz(crate = "…")]` says, and nowhere else.

extern crate authz as renamed;

/// What a crate that passes authz on to its users may have. The traits are its own, which proves where the code goes.
pub mod passed_on {
    /// As authz's trait.
    pub trait Table {
        /// The namespace.
        const NAMESPACE: &'static str;
        /// The name.
        const NAME: &'static str;
        /// Both.
        const SQL_NAME: &'static str;
        /// The columns.
        const COLUMNS: &'static [&'static str];
    }

    /// As authz's trait.
    pub trait Type {
        /// The name.
        const SQL_NAME: &'static str;
    }

    /// As authz's trait.
    pub trait Claims {
        /// The names.
        const NAMES: &'static [&'static str];
    }
}

/// A key.
#[derive(Debug, authz::Type)]
#[authz(crate = "crate::another_name::passed_on")]
pub struct Key(pub i64);

/// A key of keys.
#[derive(Debug, authz::Type)]
#[authz(crate = "crate::another_name::passed_on")]
pub struct KeyOfKeys(pub Key);

/// A state.
#[derive(Debug, authz::Type)]
#[authz(crate = "crate::another_name::passed_on")]
#[sqlx(type_name = "state")]
pub enum State {
    /// The only one.
    Open,
}

/// A table.
#[derive(Debug, authz::Table)]
#[authz(crate = "crate::another_name::passed_on")]
#[rls(owner = "owner")]
pub struct Thing {
    /// The key.
    #[column(primary_key)]
    pub id: KeyOfKeys,
    /// Its owner.
    pub owner: String,
}

/// What tokens say.
#[derive(Debug, authz::Claims)]
#[authz(crate = "crate::another_name::passed_on")]
pub struct Session {
    /// How far.
    pub level: Key,
}

/// A table of a program whose dependency has another name.
#[derive(Debug, renamed::Table)]
#[authz(crate = "renamed")]
#[rls(owner = "owner")]
pub struct Note {
    /// The key.
    #[column(primary_key, identity)]
    pub id: i64,
    /// Its owner.
    pub owner: String,
}

/// Panics unless the code went there.
///
/// # Panics
///
/// When they do not.
pub fn check() {
    assert_eq!(<KeyOfKeys as passed_on::Type>::SQL_NAME, "bigint");
    assert_eq!(<State as passed_on::Type>::SQL_NAME, "public.state");
    assert_eq!(<Thing as passed_on::Table>::SQL_NAME, "public.things");
    assert_eq!(<Session as passed_on::Claims>::NAMES, ["level"]);
    assert_eq!(<Note as authz::Table>::SQL_NAME, "public.notes");
}
