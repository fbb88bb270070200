//! `keys`: show, delegate, renew, replace, revoke, announce, rotate, sign, accept.

use anyhow::Result;
use chancery_exchange::{Error, Keyring, Node, parse_key_name, sign_all};
use chancery_ledger::{ForumBundle, Signer, time};

use super::Context;
use super::forum::{ask_passphrase, authority, keyring, now, read_bundle, say_merged, write};
use super::node::new_passphrase;
use crate::cli::{Keys, Signing};
use crate::output;

pub(crate) async fn run(context: &Context, command: Keys) -> Result<()> {
    match command {
        Keys::Show => show(context).await,
        Keys::Delegate { operator, signing } => {
            let node = context.node().await?;
            let request = node.request_operator(&operator)?;
            settle(context, &node, request, &signing).await
        }
        Keys::Renew { signing } => {
            let node = context.node().await?;
            let request = node.request_renewal()?;
            settle(context, &node, request, &signing).await
        }
        Keys::Replace { key, signing } => {
            let (purpose, operator) = parse_key_name(&key)?;
            if operator.is_some() {
                return Err(
                    Error::invalid("an operator gets a new key under a new name: `chancery keys delegate`").into()
                );
            }
            let node = context.node().await?;
            let request = node.request_replacement(purpose)?;
            settle(context, &node, request, &signing).await
        }
        Keys::Revoke { key, reason, from, signing } => {
            let from = match from {
                None => now(),
                Some(text) => time::parse(&text)
                    .ok_or_else(|| Error::invalid(format!("`{text}` is no time such as 2026-11-25T12:00:00Z")))?,
            };
            let node = context.node().await?;
            let request = node.request_revocation(parse_key_name(&key)?, from, &reason)?;
            settle(context, &node, request, &signing).await
        }
        Keys::Announce { no_passphrase } => announce(context, no_passphrase),
        Keys::Rotate { announce, output, unsigned } => {
            let node = context.node().await?;
            let mut draft = node.request_rotation(announce)?;
            if !unsigned {
                say_signed(&sign_all(&mut draft, &keyring(context).next_authority(ask_passphrase)?, false)?);
            }
            write(&output, &serde_json::to_vec_pretty(&draft)?)?;
            output::note("next: the other states sign it with `chancery forum sign`, then `chancery forum adopt`");
            Ok(())
        }
        Keys::Sign { request, authority: file, output } => {
            let mut bundle = read_bundle(&request)?;
            let key: Box<dyn Signer> = match file {
                Some(path) => Box::new(Keyring::authority_in(&path, ask_passphrase)?),
                None => Box::new(authority(context)?),
            };
            let signed = sign_all(&mut bundle, key.as_ref(), false)?;
            if signed.is_empty() {
                return Err(Error::invalid("nothing in it waits for this key's signature").into());
            }
            say_signed(&signed);
            write(&output, &serde_json::to_vec_pretty(&bundle)?)
        }
        Keys::Accept { response } => {
            let merged = context.node().await?.accept(&read_bundle(&response)?).await?;
            say_merged(context, &merged)
        }
    }
}

/// Signs a request here and accepts it, or writes it for the machine that has the authority key.
async fn settle(context: &Context, node: &Node, mut request: ForumBundle, signing: &Signing) -> Result<()> {
    if let Some(path) = &signing.request {
        write(path, &serde_json::to_vec_pretty(&request)?)?;
        output::note(format!(
            "next, where the authority key is: `chancery keys sign {} --authority authority.pem -o response.json`; then here: `chancery keys accept response.json`",
            path.display()
        ));
        return Ok(());
    }
    say_signed(&sign_all(&mut request, &authority(context)?, false)?);
    say_merged(context, &node.accept(&request).await?)
}

/// What was signed goes to standard error: the result is the file.
fn say_signed(signed: &[String]) {
    for line in signed {
        output::note(format!("signed {line}"));
    }
}

fn announce(context: &Context, no_passphrase: bool) -> Result<()> {
    let passphrase = if no_passphrase { None } else { Some(new_passphrase()?) };
    let key = keyring(context).create_next_authority(passphrase.as_deref())?;
    let hash = key.commitment();
    if context.json {
        return output::json(&serde_json::json!({ "next_key_hash": hash, "fingerprint": key.fingerprint() }));
    }
    output::line(format!(
        "the key that will follow the authority key is in keys/next-authority.pem; its hash is {hash}"
    ));
    output::line(
        "next: move it to another place than the authority key; `chancery forum card` now announces it, and `chancery forum amend --update CARD` puts it into the charter",
    );
    Ok(())
}

async fn show(context: &Context) -> Result<()> {
    let keys = context.node().await?.key_list()?;
    if context.json {
        return output::json(&keys);
    }
    let mut table = output::table(&["", "purpose", "name", "fingerprint", "state"]);
    for key in &keys {
        let mark = if key.ok { "ok" } else { "!!" };
        table.add_row([mark, &key.purpose, &key.name, &key.fingerprint, &key.state]);
    }
    output::line(table.to_string());
    output::line(
        "the authority key delegates each purpose to another key for at most 90 days; `chancery keys renew` prolongs all",
    );
    Ok(())
}
