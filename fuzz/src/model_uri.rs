//! Model URIs: what is read is written as it is read again, and what is not is refused in a message that shows no secret and
//! forges no line.

use mlhost_registry::ModelUri;

pub(crate) fn model_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<ModelUri>() {
        Ok(uri) => {
            let shown = uri.to_string();
            // An address is shown without what may be secret in it, a path as the file system's text.
            if !matches!(uri, ModelUri::Bucket(_) | ModelUri::Archive(_) | ModelUri::Local(_)) {
                assert_eq!(
                    shown.parse::<ModelUri>().as_ref().ok(),
                    Some(&uri),
                    "{text:?} is shown as {shown:?}"
                );
            }
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty());
            // The text, shortened and escaped; the hint; nothing that a long text could fill a log with.
            assert!(message.chars().count() < 4_000, "{message}");
            assert!(!message.contains(['\r', '\0', '\u{1b}']), "{message:?}");
        }
    }
}
