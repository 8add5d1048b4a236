//! Chromium, driven through `driver.mjs`: one browser for all tests, a tab with its own cookies for each person.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// Longer than the driver's own patience, so that its message arrives.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tab in a fresh context. It closes when dropped.
#[derive(Debug)]
pub(crate) struct Tab {
    name: String,
}

/// What a page shows.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) url: String,
    /// The sandbox's name of the page; empty for others.
    pub(crate) page: String,
    pub(crate) title: String,
    pub(crate) heading: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) lang: String,
    /// Script elements and inline handlers.
    pub(crate) scripts: u64,
    /// Whether a planted script ran.
    pub(crate) owned: bool,
}

/// A request that the tab sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) origin: Option<String>,
    pub(crate) referer: Option<String>,
}

impl Tab {
    pub(crate) fn new() -> Tab {
        Tab::with(&json!({}))
    }

    /// A tab with these options of a browser context: `locale`, `colorScheme`, `viewport`, `deviceScaleFactor`.
    pub(crate) fn with(options: &Value) -> Tab {
        let tab = Tab { name: browser().next_name() };
        tab.perform("tab", options);
        tab
    }

    pub(crate) fn open(&self, url: &str) {
        self.perform("open", &json!({ "url": url }));
    }

    pub(crate) fn click(&self, selector: &str) {
        self.perform("click", &json!({ "selector": selector }));
    }

    pub(crate) fn fill(&self, selector: &str, text: &str) {
        self.perform("fill", &json!({ "selector": selector, "text": text }));
    }

    pub(crate) fn check(&self, selector: &str) {
        self.perform("check", &json!({ "selector": selector }));
    }

    pub(crate) fn press(&self, key: &str) {
        self.perform("press", &json!({ "key": key }));
    }

    pub(crate) fn write(&self, text: &str) {
        self.perform("type", &json!({ "text": text }));
    }

    /// The status of the page that came, 0 where none did.
    pub(crate) fn reload(&self) -> u64 {
        number(&self.perform("reload", &json!({})))
    }

    /// The same for the way back.
    pub(crate) fn back(&self) -> u64 {
        number(&self.perform("back", &json!({})))
    }

    pub(crate) fn resize(&self, width: u32, height: u32) {
        self.perform("resize", &json!({ "width": width, "height": height }));
    }

    /// Changes `colorScheme` or `media`.
    pub(crate) fn emulate(&self, media: &Value) {
        self.perform("emulate", media);
    }

    pub(crate) fn show(&self, html: &str) {
        self.perform("show", &json!({ "html": html }));
    }

    /// Posts a form from a page that has nothing to do with anything.
    pub(crate) fn post(&self, url: &str, fields: &[(&str, &str)]) {
        self.perform("post", &json!({ "url": url, "fields": fields }));
    }

    /// Waits until the page has that element.
    pub(crate) fn wait(&self, selector: &str) {
        self.perform("wait", &json!({ "selector": selector }));
    }

    /// Waits for a page of the sandbox.
    pub(crate) fn wait_for_page(&self, name: &str) {
        self.wait(&format!("body[data-page=\"{name}\"]"));
    }

    pub(crate) fn look(&self) -> Sight {
        let sight = self.perform("look", &json!({}));
        Sight {
            url: text(&sight["url"]),
            page: text(&sight["page"]),
            title: text(&sight["title"]),
            heading: text(&sight["heading"]),
            text: text(&sight["text"]),
            html: text(&sight["html"]),
            lang: text(&sight["lang"]),
            scripts: number(&sight["scripts"]),
            owned: sight["owned"] == true,
        }
    }

    /// What has the keyboard, and whether a person sees that.
    pub(crate) fn focus(&self) -> (String, bool) {
        let focus = self.perform("focus", &json!({}));
        (text(&focus["label"]), focus["visible"] == true)
    }

    pub(crate) fn value(&self, selector: &str) -> String {
        text(&self.perform("value", &json!({ "selector": selector })))
    }

    pub(crate) fn attribute(&self, selector: &str, name: &str) -> String {
        text(&self.perform("attribute", &json!({ "selector": selector, "name": name })))
    }

    pub(crate) fn count(&self, selector: &str) -> u64 {
        number(&self.perform("count", &json!({ "selector": selector })))
    }

    /// What does not fit the page.
    pub(crate) fn overflow(&self) -> Vec<String> {
        texts(&self.perform("overflow", &json!({})))
    }

    /// What axe finds against WCAG 2 A and AA or with these rules `only`, also where it is unsure.
    pub(crate) fn axe(&self, only: Option<&[&str]>) -> Vec<String> {
        let report = self.perform("axe", &json!({ "only": only }));
        assert!(number(&report["passed"]) > 0, "axe looked at nothing");
        texts(&report["violations"]).into_iter().chain(texts(&report["unsure"])).collect()
    }

    /// Takes a picture down to `margin` below the element; returns its size. Kept at `path` where one is given.
    pub(crate) fn picture(&self, selector: &str, margin: u32, path: Option<&Path>) -> (u64, u64) {
        let picture = self.perform("picture", &json!({ "selector": selector, "margin": margin, "path": path }));
        (number(&picture["width"]), number(&picture["height"]))
    }

    pub(crate) fn requests(&self) -> Vec<Sent> {
        let requests = self.perform("requests", &json!({}));
        let sent = |request: &Value| Sent {
            method: text(&request["method"]),
            url: text(&request["url"]),
            origin: request["origin"].as_str().map(str::to_owned),
            referer: request["referer"].as_str().map(str::to_owned),
        };
        requests.as_array().into_iter().flatten().map(sent).collect()
    }

    /// Everything that went wrong: messages of the console and of the policy, errors of scripts, failed requests, dialogs.
    pub(crate) fn troubles(&self) -> Vec<String> {
        texts(&self.perform("troubles", &json!({})))
    }

    fn perform(&self, action: &str, with: &Value) -> Value {
        match browser().ask(&self.name, action, with) {
            Ok(value) => value,
            Err(error) => panic!("{error}\n{}", self.state()),
        }
    }

    /// For the message of a failure.
    fn state(&self) -> String {
        let told = |action| browser().ask(&self.name, action, &json!({})).unwrap_or_default();
        let (sight, troubles) = (told("look"), told("troubles"));
        format!("page {} {}\n{}\ntroubles: {troubles}", sight["page"], sight["title"], text(&sight["text"]))
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        // A browser that is gone has closed it already.
        let _gone = browser().ask(&self.name, "close", &json!({}));
    }
}

/// The process of `driver.mjs`. It ends, and Chromium with it, when the tests end and its input closes.
struct Browser {
    input: Mutex<ChildStdin>,
    waiting: Arc<Mutex<HashMap<u64, Sender<Value>>>>,
    count: AtomicU64,
}

fn browser() -> &'static Browser {
    static BROWSER: OnceLock<Browser> = OnceLock::new();
    BROWSER.get_or_init(Browser::start)
}

impl Browser {
    fn start() -> Browser {
        let mut child = launch();
        let input = child.stdin.take().expect("a pipe was asked for");
        let output = child.stdout.take().expect("a pipe was asked for");
        let waiting = Arc::new(Mutex::new(HashMap::<u64, Sender<Value>>::new()));
        let answers = Arc::clone(&waiting);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let answer: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(asker) = answers.lock().unwrap().remove(&number(&answer["id"])) {
                    // An asker that gave up hears nothing.
                    let _gone = asker.send(answer);
                }
            }
            // Nobody waits any longer for a driver that has ended.
            answers.lock().unwrap().clear();
            drop(child.wait());
        });
        Browser { input: Mutex::new(input), waiting, count: AtomicU64::new(1) }
    }

    fn next_name(&self) -> String {
        format!("tab {}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    fn ask(&self, tab: &str, action: &str, with: &Value) -> Result<Value, String> {
        let id = self.count.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = channel();
        self.waiting.lock().unwrap().insert(id, sender);
        let line = json!({ "id": id, "tab": tab, "do": action, "with": with });
        writeln!(self.input.lock().unwrap(), "{line}").map_err(|_| "the browser has ended; its words are above".to_owned())?;
        let answer = answer.recv_timeout(PATIENCE).map_err(|_| format!("{action}: no answer from the browser"))?;
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["value"].clone()),
        }
    }
}

/// Missing tools fail: a test that was not run must not look like one that passed.
fn launch() -> Child {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (node, chromium) = (program("NODE", &["node"]), program("CHROMIUM", &["chromium", "chromium-browser", "google-chrome"]));
    let packages = folder.join("node_modules/playwright-core").is_dir();
    let (Some(node), Some(chromium), true) = (&node, &chromium, packages) else {
        panic!(
            "these tests need Node ({node:?}), Chromium ({chromium:?}) and tests/browser/node_modules: run tests/setup.sh check, then make test"
        );
    };
    Command::new(node)
        .arg(folder.join("driver.mjs"))
        .env("CHROMIUM", chromium)
        .env("FONTCONFIG_FILE", folder.join("data/fonts.conf"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", node.display()))
}

/// The program that the variable names, else the first of these in the search path.
fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let named = env::var_os(variable).map(PathBuf::from).into_iter();
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    named.chain(found).find(|path| path.is_file())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
