/// A value parser for clap: `text` as it is, if it is an id scope: no character of it has a meaning in a topic or a path.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 64 letters, digits and hyphens, such as 0ne00002193".to_owned())
    }
}
