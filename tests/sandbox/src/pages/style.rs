//! The one style sheet. Colours keep a contrast of at least 4.5 to 1 in both schemes (WCAG 2 AA).

/// CSS of every page.
pub(crate) const SHEET: &str = r"
:root{--ink:#1b1f24;--soft:#4b5563;--page:#f3f5f7;--card:#fff;--line:#767f8a;--accent:#0b57a4;--on-accent:#fff;--bad:#a4161a}
@media(prefers-color-scheme:dark){:root{--ink:#f1f3f5;--soft:#c3cad2;--page:#14181d;--card:#1f252c;--line:#8b95a1;--accent:#8ec5ff;--on-accent:#0a1a2b;--bad:#ffaba5}}
*{box-sizing:border-box}
body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
header,main,footer{max-width:30rem;margin:0 auto;padding:1rem 1.25rem}
body[data-page=start] main,body[data-page=start] header,body[data-page=start] footer{max-width:64rem}
main{background:var(--card);border:1px solid var(--line);border-radius:.5rem;overflow-wrap:anywhere}
@media(max-width:32rem){main{border-width:1px 0;border-radius:0}}
.brand{margin:0;font-weight:600}.not,.soft,footer{color:var(--soft)}footer{font-size:.875rem}
h1{font-size:1.4rem;line-height:1.25;margin:.25rem 0 .75rem}h2{font-size:1.1rem;margin:1.5rem 0 .5rem}h3{font-size:1rem;margin:1rem 0 .25rem}
label{display:block;margin-top:.75rem;font-weight:600}
input[type=text],input[type=email],input[type=password],textarea,select{width:100%;padding:.5rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.25rem}
.check{display:flex;gap:.5rem;align-items:flex-start;font-weight:400}.check input{margin-top:.35rem}
button{font:inherit;padding:.5rem 1.1rem;margin:1rem .5rem 0 0;border:1px solid var(--accent);border-radius:.25rem;background:transparent;color:var(--accent);cursor:pointer;min-height:2.5rem}
button.primary{background:var(--accent);color:var(--on-accent)}
button.wide{display:block;width:100%;text-align:left;margin:.5rem 0 0}
a{color:var(--accent)}a:focus-visible,button:focus-visible,input:focus-visible,textarea:focus-visible,select:focus-visible,summary:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.error{color:var(--bad);font-weight:600}code,.code{font-family:ui-monospace,monospace;font-size:.9em}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.5rem 0}dt{color:var(--soft)}dd{margin:0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
.permissions{list-style:none;padding-left:0}.permissions details p{margin:.25rem 0 .5rem 1rem}
.switches{display:flex;flex-wrap:wrap;gap:0 1rem;align-items:end}.switches select{width:auto;min-width:8rem;margin-right:.5rem}.switches button{margin-right:0}
form.inline{display:inline}td button{margin-top:.25rem;padding:.25rem .6rem;min-height:2rem}
ul{padding-left:1.2rem}summary{cursor:pointer}
";
