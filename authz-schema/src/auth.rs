//! The functions of the `auth` namespace that migrations make.

/// The version of the functions, as `authz.lock` stores it. A change of any body raises it; the bodies of the versions
/// before stay, since the way down of a migration makes them again.
pub const VERSION: u32 = 2;

/// The functions' signatures, callees before callers.
pub const FUNCTIONS: [&str; 6] = [
    "auth.session()",
    "auth.jwt()",
    "auth.user_id()",
    "auth.uid()",
    "auth.organization()",
    "auth.organization_id()",
];
