//! Creates a certificate authority and certificates.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path as FilePath;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::error::{Error, Result};

/// Creates a certificate authority (`ca.pem`, `ca.key`) and, for each name, a certificate signed by it (`NAME.pem`, `NAME.key`). An existing authority is
/// reused. A name is the host name that others connect to; [`Network::allow`](crate::Network::allow) takes it, too.
///
/// Copy `ca.pem` and its own two files to each machine. `ca.key` signs further certificates: keep it safe.
///
/// # Errors
///
/// [`Error::File`] if a file cannot be written or already exists; [`Error::Invalid`] if a name is not a valid host name, or `ca.key` is missing.
pub fn keygen(folder: &FilePath, names: &[String]) -> Result<()> {
    let failed = |error: rcgen::Error| Error::Invalid(format!("certificates: {error}"));
    for name in names {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-._:".contains(character);
        if name.is_empty() || name == "ca" || name.starts_with('.') || !name.chars().all(is_plain) {
            return Err(Error::Invalid(format!("{name:?}: expected the name of a host")));
        }
    }
    fs::create_dir_all(folder).map_err(file_error(folder))?;
    let (ca_file, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
    if ca_file.exists() && !key_file.exists() {
        let found = format!("{} without ca.key, which signs further certificates", ca_file.display());
        return Err(Error::Invalid(found));
    }
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, "StructStore mirror");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let authority = match key_file.exists() {
        true => {
            let key = fs::read_to_string(&key_file).map_err(file_error(&key_file))?;
            CertifiedIssuer::self_signed(params, KeyPair::from_pem(&key).map_err(failed)?).map_err(failed)?
        }
        false => {
            let key = KeyPair::generate().map_err(failed)?;
            let authority = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
            write(&key_file, &authority.key().serialize_pem(), 0o600)?;
            write(&ca_file, &authority.pem(), 0o644)?;
            authority
        }
    };
    for name in names {
        let mut params = CertificateParams::new(vec![name.clone()]).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, name.as_str());
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &authority).map_err(failed)?;
        write(&folder.join(format!("{name}.key")), &key.serialize_pem(), 0o600)?;
        write(&folder.join(format!("{name}.pem")), &certificate.pem(), 0o644)?;
    }
    Ok(())
}

fn file_error(file: &FilePath) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let file = file.to_owned();
    move |source| Error::File { file, source }
}

/// A new file, which only its owner may read if it is a key.
fn write(file: &FilePath, text: &str, mode: u32) -> Result<()> {
    let created = File::options().write(true).create_new(true).mode(mode).open(file);
    created.and_then(|mut created| created.write_all(text.as_bytes())).map_err(file_error(file))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn certificates_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
        keygen(folder.path(), &names(&["robot", "127.0.0.1"])).unwrap();
        for file in ["ca.pem", "ca.key", "robot.pem", "robot.key", "127.0.0.1.pem", "127.0.0.1.key"] {
            let text = fs::read_to_string(folder.path().join(file)).unwrap();
            assert!(text.starts_with("-----BEGIN "), "{file}");
            let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode == 0o600, file.ends_with(".key"), "{file}: {mode:o}");
        }
        // Another one of the same authority, but none of a name that has one.
        let ca = fs::read(folder.path().join("ca.pem")).unwrap();
        keygen(folder.path(), &names(&["desk"])).unwrap();
        assert_eq!(fs::read(folder.path().join("ca.pem")).unwrap(), ca);
        assert!(matches!(keygen(folder.path(), &names(&["robot"])), Err(Error::File { .. })));
        fs::remove_file(folder.path().join("ca.key")).unwrap();
        assert!(keygen(folder.path(), &names(&["late"])).unwrap_err().to_string().contains("without ca.key"));
        assert!(!folder.path().join("ca.key").exists());
        for name in ["", "ca", "a/b", "../robot", "größe"] {
            assert!(matches!(keygen(folder.path(), &names(&[name])), Err(Error::Invalid(_))), "{name}");
        }
    }
}
