//! The person's picture (FACTS 8.3): bytes and a media type, and no JSON.

use super::query::Listing;
use crate::{
    error::{Detail, Result},
    model::Photo,
};

/// The picture itself.
pub(crate) fn bytes() -> Listing {
    Listing::new(["me", "photo", "$value"].map(str::to_owned).to_vec(), Vec::new())
}

/// What a successful answer holds. `None`: the one transparent pixel that stands for nobody's picture.
pub(crate) fn read(content_type: Option<&str>, body: Vec<u8>) -> Result<Option<Photo>> {
    let content_type = content_type.and_then(picture_type).filter(|_| !body.is_empty());
    let content_type = content_type.ok_or_else(|| Detail::UnexpectedResponse.about("photo"))?;
    if is_one_pixel(&body) {
        return Ok(None);
    }
    Ok(Some(Photo { content_type, bytes: body }))
}

/// The media type without its parameters, if it is one of a picture made of pixels. (SVG is a document that can run scripts.)
fn picture_type(header: &str) -> Option<String> {
    let name = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = name.strip_prefix("image/")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-".contains(&byte);
    (!kind.is_empty() && kind.len() <= 40 && kind.bytes().all(plain) && !kind.contains("svg")).then_some(name)
}

/// Width and height of a GIF follow its six letters.
fn is_one_pixel(body: &[u8]) -> bool {
    (body.starts_with(b"GIF87a") || body.starts_with(b"GIF89a")) && body.get(6..10) == Some(&[1, 0, 1, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_kept_as_it_came() {
        assert_eq!(bytes().path, ["me", "photo", "$value"]);
        let photo = read(Some("Image/JPEG; q=1"), vec![0xff, 0xd8]).unwrap().unwrap();
        assert_eq!((photo.content_type.as_str(), photo.bytes.as_slice()), ("image/jpeg", [0xff, 0xd8].as_slice()));
        assert_eq!(read(Some("image/gif"), b"GIF89a\x01\x00\x01\x00\x80".to_vec()).unwrap(), None);
        assert!(read(Some("image/gif"), b"GIF89a\x02\x00\x01\x00\x80".to_vec()).unwrap().is_some());
    }

    #[test]
    fn g_19_what_is_no_picture_is_refused() {
        for (content_type, body) in [
            (None, "x"),
            (Some("text/html"), "<html>"),
            (Some("application/json"), "{}"),
            (Some("image/svg+xml"), "<svg/>"),
            (Some("image/"), "x"),
            (Some("image/a b"), "x"),
            (Some("image/jpeg"), ""),
        ] {
            let error = read(content_type, body.as_bytes().to_vec()).unwrap_err();
            assert_eq!(error.cause(), Detail::UnexpectedResponse, "{content_type:?}");
        }
    }
}
