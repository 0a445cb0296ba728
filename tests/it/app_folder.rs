use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A function app's folder of a test's own. Removed when dropped.
pub struct AppFolder(PathBuf);

impl AppFolder {
    /// A folder with these files: paths and what is in them.
    pub fn with(files: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("app-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (path, text) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    /// A folder with one function of these names, and these files.
    pub fn with_function(
        name: &str,
        trigger: &str,
        output: &str,
        route: Option<&str>,
        files: &[(&str, &str)],
    ) -> Self {
        let route = route.map(|route| format!(r#""route":"{route}","#)).unwrap_or_default();
        let function = format!(
            r#"{{"bindings":[{{"type":"httpTrigger","direction":"in",{route}"name":"{trigger}"}},
                             {{"type":"http","direction":"out","name":"{output}"}}]}}"#
        );
        let path = format!("{name}/function.json");
        let mut all = vec![(path.as_str(), function.as_str())];
        all.extend_from_slice(files);
        Self::with(&all)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for AppFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
