//! `chancery.toml` and the environment: `CHANCERY_HTTP__LISTEN=…` overrides `listen` under `[http]`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use chancery_exchange::config::NodeConfig;
use figment::Figment;
use figment::providers::{Env, Format as _, Toml};

/// The configuration file of a node's folder.
pub(crate) fn file(dir: &Path) -> PathBuf {
    dir.join("chancery.toml")
}

/// Reads the configuration. Unknown keys are errors, from the file and from the environment.
pub(crate) fn load(dir: &Path) -> Result<NodeConfig> {
    let path = file(dir);
    if !path.exists() {
        bail!(chancery_exchange::Error::not_found(format!(
            "there is no node in `{}`: run `chancery init`, or name its folder with `--dir`",
            dir.display()
        )));
    }
    // The folder and the log filter are settings of the program, not of the node.
    let env = Env::prefixed("CHANCERY_").split("__").filter(|key| key.as_str().contains('.'));
    let config = Figment::new().merge(Toml::file(&path)).merge(env).extract();
    config.with_context(|| {
        chancery_exchange::Error::invalid(format!("the configuration `{}` is wrong", path.display())).to_string()
    })
}

/// Writes a new configuration file.
pub(crate) fn write(dir: &Path, config: &NodeConfig) -> Result<()> {
    let text = toml::to_string_pretty(config).context("cannot write the configuration")?;
    let text = format!(
        "# A Chancery node. Every key can be overridden: CHANCERY_HTTP__LISTEN=0.0.0.0:80 for `listen` under [http].\n\n{text}"
    );
    let path = file(dir);
    std::fs::write(&path, text).map_err(|e| chancery_exchange::Error::file("write", &path, e))?;
    Ok(())
}
