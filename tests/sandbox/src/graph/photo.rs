//! The person's picture (FACTS 8.3).

use serde_json::json;

use super::{access, errors};
use crate::http::Reply;
use crate::identity::flow::Turn;

/// A picture of eight by eight points.
const PICTURE: &[u8] = include_bytes!("../../data/photo.png");
const SIZES: [&str; 9] = ["48x48", "64x64", "96x96", "120x120", "240x240", "360x360", "432x432", "504x504", "648x648"];

/// `/me/photo...` and `/me/photos...`.
pub(crate) fn handle(turn: &mut Turn<'_>, path: &[String]) -> Reply {
    let grant = match access::authorize(turn, &["User.Read", "User.ReadBasic.All", "User.Read.All", "ProfilePhoto.Read.All"]) {
        Ok(grant) => grant,
        Err(refusal) => return refusal.0,
    };
    let has_photo =
        turn.state.user(&grant.user_name).is_some_and(|user| user.mailbox && !turn.state.without_photo.contains(&user.user_name));
    if !has_photo {
        return errors::reply(
            turn,
            404,
            "ImageNotFound",
            "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ImageNotFoundException' was thrown.",
        );
    }
    match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["photo"] => {
            let metadata = json!({
                "@odata.mediaContentType": "image/png",
                "@odata.mediaEtag": "W/\"8A0C\"",
                "id": "8X8",
                "width": 8,
                "height": 8,
            });
            errors::success(turn, &metadata)
        }
        ["photo", "$value"] => picture(turn),
        ["photos", size, "$value"] if SIZES.contains(size) => picture(turn),
        _ => errors::reply(turn, 400, "BadRequest", "Resource not found for the segment."),
    }
}

fn picture(turn: &mut Turn<'_>) -> Reply {
    let mut reply = errors::success(turn, &json!({})).replacing("content-type", "image/png");
    reply.body = PICTURE.to_vec();
    reply
}
