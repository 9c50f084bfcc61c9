//! The issuers that people have: name, keys, audience and the traps of each. Where every fact is from stands in `docs/providers.md`.
//!
//! Each ends as a preset: what is said by hand takes the place of what it says. What tokens each accepts and refuses is tested with
//! tokens, in `tests/tests/runtime/presets.rs`.

use super::Issuer;

/// The keys with which Google signs the ID tokens of every Firebase and Identity Platform project.
const FIREBASE_KEYS: &str =
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com";

impl Issuer {
    /// Clerk, by the *Frontend API URL* of the instance. Give [`authorized_party`](Self::authorized_party) with the origin of the page, such as
    /// `https://example.com`: session tokens name it in `azp`, and have no `aud`. Give [`audience`](Self::audience) instead only if a JWT template
    /// adds one; it refuses session tokens.
    ///
    /// Takes session tokens and templates' tokens (`typ` `JWT`), not the access tokens of OAuth applications, which the same key signs.
    ///
    /// # Example
    ///
    /// ```
    /// use authz::Issuer;
    ///
    /// let issuer = Issuer::clerk("https://clerk.example.com").authorized_party("https://example.com");
    /// // Session tokens of a native app, which have neither `azp` nor `aud`. The ID tokens of OAuth applications have an `aud`.
    /// let native = Issuer::clerk("https://clerk.example.com")
    ///     .any_audience()
    ///     .require_presence("sid")
    ///     .refuse_presence("aud");
    /// ```
    pub fn clerk(frontend_api_url: impl Into<String>) -> Self {
        let iss = frontend_api_url.into();
        let keys = below(&iss, "/.well-known/jwks.json");
        Self::new(iss).jwks_url(keys).token_type("JWT").preset()
    }

    /// Stack Auth, by the project's id. Takes the tokens of signed-in users; anonymous and restricted ones have another issuer.
    pub fn stack_auth(project_id: &str) -> Self {
        let iss = format!("https://api.stack-auth.com/api/v1/projects/{project_id}");
        let keys = below(&iss, "/.well-known/jwks.json");
        Self::new(iss).jwks_url(keys).audience(project_id).preset()
    }

    /// Auth0, by the tenant's domain or a custom one, such as `example.eu.auth0.com`. Give the API's identifier as
    /// [`audience`](Self::audience): without one in the request Auth0's access tokens are no JWTs.
    pub fn auth0(domain: &str) -> Self {
        let keys = format!("https://{domain}/.well-known/jwks.json");
        Self::new(format!("https://{domain}/")).jwks_url(keys).preset()
    }

    /// Firebase Authentication, by the project's id, which is the audience of its ID tokens.
    ///
    /// All projects of the world share one key set: issuer and audience alone tell them apart, and both are the project's.
    pub fn firebase(project_id: &str) -> Self {
        Self::new(format!("https://securetoken.google.com/{project_id}"))
            .jwks_url(FIREBASE_KEYS)
            .audience(project_id)
            .require_key_id()
            .preset()
    }

    /// GCP Identity Platform, by the project's id. Its tokens are Firebase's; the tenant stands in the claim `firebase`.
    pub fn gcp_identity_platform(project_id: &str) -> Self {
        Self::firebase(project_id)
    }

    /// Google accounts, by the OAuth client's id, which is the audience of its ID tokens.
    pub fn google(client_id: &str) -> Self {
        Self::new("https://accounts.google.com")
            .jwks_url("https://www.googleapis.com/oauth2/v3/certs")
            .audience(client_id)
            .preset()
    }

    /// Stytch for consumers, by the project's id (`project-live-…` or `project-test-…`), which is the audience. Takes session tokens, not those
    /// of machines and connected apps, which the same keys sign. With a custom domain use [`new`](Self::new).
    pub fn stytch(project_id: &str) -> Self {
        stytch(project_id, "sessions")
    }

    /// Stytch for organizations (B2B), as [`stytch`](Self::stytch).
    pub fn stytch_b2b(project_id: &str) -> Self {
        stytch(project_id, "b2b/sessions")
    }

    /// Keycloak, by the URL of the server (with `/auth`, if it has that) and the realm. Give an [`audience`](Self::audience) that a mapper
    /// adds for this API, or [`authorized_party`](Self::authorized_party) with the client's id.
    pub fn keycloak(base_url: &str, realm: &str) -> Self {
        let iss = below(base_url, &format!("/realms/{realm}"));
        let keys = below(&iss, "/protocol/openid-connect/certs");
        // Refresh, offline and logout tokens say in the claim what they are.
        Self::new(iss)
            .jwks_url(keys)
            .refuse_claim("typ", "Refresh")
            .refuse_claim("typ", "Offline")
            .refuse_claim("typ", "Logout")
            .refuse_claim("typ", "ID")
            .preset()
    }

    /// Supabase with asymmetric signing keys, by the project's URL, such as `https://abcd.supabase.co`. The audience is
    /// `authenticated`. Tokens that an OAuth client of the project got for a user are refused.
    pub fn supabase(project_url: &str) -> Self {
        let iss = below(project_url, "/auth/v1");
        let keys = below(&iss, "/.well-known/jwks.json");
        Self::new(iss)
            .jwks_url(keys)
            .audience("authenticated")
            .refuse_presence("client_id")
            .preset()
    }

    /// Supabase with the project's legacy JWT secret (HS256). Its keys `anon` and `service_role` are refused: they have no `sub`.
    pub fn supabase_with_secret(project_url: &str, jwt_secret: impl AsRef<[u8]>) -> Self {
        Self::new(below(project_url, "/auth/v1"))
            .shared_secret(jwt_secret)
            .audience("authenticated")
            .refuse_presence("client_id")
            .preset()
    }

    /// Amazon Cognito, by the pool's id, such as `us-east-1_AbCdEf`, which begins with its region. Give the app client's id as
    /// [`audience`](Self::audience): ID tokens have it in `aud`, access tokens in `client_id`.
    ///
    /// Takes both; `require_claim("token_use", "access")` takes one kind. A pool whose issuer is set to `issuer-cognito-idp.…` needs
    /// [`new`](Self::new).
    pub fn cognito(pool_id: &str) -> Self {
        let region = pool_id.split('_').next().unwrap_or_default();
        let iss = format!("https://cognito-idp.{region}.amazonaws.com/{pool_id}");
        let keys = below(&iss, "/.well-known/jwks.json");
        Self::new(iss)
            .jwks_url(keys)
            .audience_claims(["aud", "client_id"])
            .require_claim("token_use", "access")
            .require_claim("token_use", "id")
            .preset()
    }

    /// Microsoft Entra ID (Azure AD), tokens of version 2, by the tenant's id (a GUID). Give the API's client id as
    /// [`audience`](Self::audience).
    pub fn entra_id(tenant_id: &str) -> Self {
        let tenant = format!("https://login.microsoftonline.com/{tenant_id}");
        let keys = format!("{tenant}/discovery/v2.0/keys");
        Self::new(format!("{tenant}/v2.0")).jwks_url(keys).preset()
    }

    /// [`entra_id`](Self::entra_id) by the name that it had before.
    pub fn azure_ad(tenant_id: &str) -> Self {
        Self::entra_id(tenant_id)
    }

    /// Microsoft Entra ID (Azure AD), tokens of version 1, which an API gets unless its manifest asks for version 2. Give its App ID
    /// URI or client id as [`audience`](Self::audience).
    pub fn entra_id_v1(tenant_id: &str) -> Self {
        let keys = format!("https://login.microsoftonline.com/{tenant_id}/discovery/keys");
        Self::new(format!("https://sts.windows.net/{tenant_id}/"))
            .jwks_url(keys)
            .preset()
    }

    /// [`entra_id_v1`](Self::entra_id_v1) by the name that it had before.
    pub fn azure_ad_v1(tenant_id: &str) -> Self {
        Self::entra_id_v1(tenant_id)
    }

    /// Descope, by the project's id. Keys and issuer are the project's own; give an [`audience`](Self::audience) if a template
    /// adds one. Refresh tokens are refused. With another form of `iss` use [`new`](Self::new).
    pub fn descope(project_id: &str) -> Self {
        Self::new(project_id)
            .jwks_url(format!(
                "https://api.descope.com/{project_id}/.well-known/jwks.json"
            ))
            .any_audience()
            .refuse_claim("drn", "DSR")
            .preset()
    }

    /// Neon Auth, by its URL, such as `https://ep-xx.aws.neon.tech/neondb/auth`. Issuer and audience are the origin of that URL.
    pub fn neon_auth(auth_url: &str) -> Self {
        let origin = origin(auth_url);
        Self::new(origin)
            .jwks_url(below(auth_url, "/.well-known/jwks.json"))
            .audience(origin)
            .preset()
    }

    /// better-auth with its JWT plugin, by the application's base URL, which is issuer and audience unless configured otherwise.
    pub fn better_auth(base_url: &str) -> Self {
        Self::new(base_url)
            .jwks_url(below(base_url, "/api/auth/jwks"))
            .audience(base_url)
            .preset()
    }

    /// `WorkOS` `AuthKit`, by the client's id, of which issuer and keys are. Its tokens have no audience.
    pub fn workos(client_id: &str) -> Self {
        Self::new(format!("https://api.workos.com/user_management/{client_id}"))
            .jwks_url(format!("https://api.workos.com/sso/jwks/{client_id}"))
            .any_audience()
            .preset()
    }

    /// Okta, by the URL of a custom authorization server, such as `https://example.okta.com/oauth2/aus1`. Give the server's
    /// [`audience`](Self::audience).
    pub fn okta(authorization_server_url: &str) -> Self {
        let keys = below(authorization_server_url, "/v1/keys");
        Self::new(authorization_server_url).jwks_url(keys).preset()
    }
}

fn stytch(project_id: &str, sessions: &str) -> Issuer {
    let host = if project_id.starts_with("project-test-") {
        "test"
    } else {
        "api"
    };
    Issuer::new(format!("stytch.com/{project_id}"))
        .jwks_url(format!(
            "https://{host}.stytch.com/v1/{sessions}/jwks/{project_id}"
        ))
        .audience(project_id)
        .require_presence("https://stytch.com/session")
        .preset()
}

fn below(url: &str, path: &str) -> String {
    format!("{}{path}", url.trim_end_matches('/'))
}

/// Scheme and host of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find('/'));
    end.and_then(|end| url.get(..host + end)).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_is_complete_once_its_audience_is_given() {
        for (issuer, iss) in [
            (
                Issuer::clerk("https://clerk.example.com").authorized_party("https://example.com"),
                "https://clerk.example.com",
            ),
            (
                Issuer::stack_auth("p1"),
                "https://api.stack-auth.com/api/v1/projects/p1",
            ),
            (
                Issuer::auth0("example.eu.auth0.com").audience("api"),
                "https://example.eu.auth0.com/",
            ),
            (Issuer::firebase("p1"), "https://securetoken.google.com/p1"),
            (
                Issuer::gcp_identity_platform("p1"),
                "https://securetoken.google.com/p1",
            ),
            (Issuer::google("c1"), "https://accounts.google.com"),
            (Issuer::stytch("project-test-1"), "stytch.com/project-test-1"),
            (Issuer::stytch_b2b("project-live-1"), "stytch.com/project-live-1"),
            (
                Issuer::keycloak("https://login.example.com/", "main").audience("api"),
                "https://login.example.com/realms/main",
            ),
            (
                Issuer::supabase("https://abcd.supabase.co"),
                "https://abcd.supabase.co/auth/v1",
            ),
            (
                Issuer::supabase_with_secret("https://abcd.supabase.co", [7; 32]),
                "https://abcd.supabase.co/auth/v1",
            ),
            (
                Issuer::cognito("us-east-1_AbC").audience("c1"),
                "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbC",
            ),
            (
                Issuer::entra_id("t1").audience("c1"),
                "https://login.microsoftonline.com/t1/v2.0",
            ),
            (
                Issuer::azure_ad("t1").audience("c1"),
                "https://login.microsoftonline.com/t1/v2.0",
            ),
            (
                Issuer::entra_id_v1("t1").audience("c1"),
                "https://sts.windows.net/t1/",
            ),
            (
                Issuer::azure_ad_v1("t1").audience("c1"),
                "https://sts.windows.net/t1/",
            ),
            (Issuer::descope("P1"), "P1"),
            (
                Issuer::neon_auth("https://ep-xx.aws.neon.tech/neondb/auth"),
                "https://ep-xx.aws.neon.tech",
            ),
            (
                Issuer::better_auth("https://app.example.com"),
                "https://app.example.com",
            ),
            (Issuer::workos("c1"), "https://api.workos.com/user_management/c1"),
            (
                Issuer::okta("https://example.okta.com/oauth2/aus1").audience("api"),
                "https://example.okta.com/oauth2/aus1",
            ),
            (
                Issuer::discover("https://login.example.com").audience("api"),
                "https://login.example.com",
            ),
        ] {
            assert_eq!(issuer.name(), iss);
            assert!(issuer.build().is_ok(), "{iss}");
        }
        for without_audience in [
            Issuer::clerk("https://clerk.example.com"),
            Issuer::auth0("example.eu.auth0.com"),
            Issuer::keycloak("https://login.example.com", "main"),
            Issuer::cognito("us-east-1_AbC"),
            Issuer::azure_ad("t1"),
            Issuer::azure_ad_v1("t1"),
            Issuer::okta("https://example.okta.com/oauth2/aus1"),
            Issuer::discover("https://login.example.com"),
        ] {
            assert!(without_audience.build().is_err());
        }
    }
}
