//! Enough HTML to read the sandbox's own pages: forms, hidden fields, buttons.

/// A page of the sandbox.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) id: String,
    pub(crate) has_error: bool,
    forms: Vec<(Form, Vec<Button>)>,
}

/// A form as it would be submitted without pressing a particular button.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
}

#[derive(Debug)]
struct Button {
    name: String,
    value: String,
    action: Option<String>,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Page {
        let mut page = Page::default();
        for tag in text.split('<').skip(1).filter_map(|part| part.split('>').next()) {
            page.read(tag);
        }
        page
    }

    /// The form that has this button, with the button pressed.
    pub(crate) fn form_with(&self, name: &str, value: &str) -> Option<Form> {
        self.forms.iter().find_map(|(form, buttons)| {
            let button = buttons.iter().find(|button| button.name == name && button.value == value)?;
            let mut form = form.clone();
            form.fields.push((button.name.clone(), button.value.clone()));
            if let Some(action) = &button.action {
                form.action.clone_from(action);
            }
            Some(form)
        })
    }

    pub(crate) fn first_form(&self) -> Option<Form> {
        self.forms.first().map(|(form, _)| form.clone())
    }

    fn read(&mut self, tag: &str) {
        let value = attribute(tag, "value").unwrap_or_default();
        match tag.split_whitespace().next() {
            Some("body") => self.id = attribute(tag, "data-page").unwrap_or_default(),
            Some("p") if attribute(tag, "role").as_deref() == Some("alert") => {
                self.has_error = true;
            }
            Some("form") => {
                let action = attribute(tag, "action").unwrap_or_default();
                self.forms.push((Form { action, fields: Vec::new() }, Vec::new()));
            }
            Some("input" | "textarea") => {
                let unticked = attribute(tag, "type").as_deref() == Some("checkbox");
                if let (Some((form, _)), Some(name), false) = (self.forms.last_mut(), attribute(tag, "name"), unticked) {
                    form.fields.push((name, value));
                }
            }
            Some("button") => {
                if let (Some((_, buttons)), Some(name)) = (self.forms.last_mut(), attribute(tag, "name")) {
                    buttons.push(Button { name, value, action: attribute(tag, "formaction") });
                }
            }
            _ => {}
        }
    }
}

impl Form {
    pub(crate) fn filled(mut self, name: &str, value: &str) -> Form {
        self.fields.retain(|(found, _)| found != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Form {
        self.fields.retain(|(found, _)| found != name);
        self
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = format!(" {name}=\"");
    let rest = tag.split_once(&start)?.1;
    let value = rest.split('"').next()?;
    Some(value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_forms_buttons_and_errors() {
        let page = Page::parse(
            r#"<body data-page="login"><p class="error" role="alert">no</p><form method="post" action="/a">
            <input type="hidden" name="flow" value="x&amp;y"><input type="checkbox" name="organization" value="on">
            <button type="submit" name="do" value="next">Next</button></form>"#,
        );
        assert_eq!(page.id, "login");
        assert!(page.has_error);
        let form = page.form_with("do", "next").unwrap_or_default();
        assert_eq!(form.action, "/a");
        assert_eq!(form.fields, [("flow".into(), "x&y".into()), ("do".to_owned(), "next".to_owned())]);
        assert!(page.form_with("do", "cancel").is_none());
    }
}
