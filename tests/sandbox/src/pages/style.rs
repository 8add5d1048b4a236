//! The one style sheet. Colours keep a contrast of at least 4.5 to 1 in both schemes (WCAG 2 AA).

/// CSS of every page.
pub(crate) const SHEET: &str = r"
:root{--ink:#1b1f24;--soft:#4b5563;--page:#eef1f4;--card:#fff;--hair:#dce1e7;--line:#767f8a;--accent:#0b57a4;--on-accent:#fff;--tint:#0b57a412;--good:#1a7f37;--bad:#a4161a;--note:#7a4b00;--note-tint:#fff3d6;--shadow:0 1px 2px #1b1f240f,0 10px 28px #1b1f2414}
@media(prefers-color-scheme:dark){:root{--ink:#f1f3f5;--soft:#c3cad2;--page:#14181d;--card:#1f252c;--hair:#39424c;--line:#8b95a1;--accent:#8ec5ff;--on-accent:#0a1a2b;--tint:#8ec5ff1a;--good:#56d37e;--bad:#ffaba5;--note:#ffd98a;--note-tint:#3a2f14;--shadow:none}}
*{box-sizing:border-box}
body{margin:0;padding:1.5rem 1rem 2rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
header,main,footer{max-width:30rem;margin:0 auto}
header{padding:0 0 1rem}footer{padding:1rem .25rem 0}
body[data-page=start] main,body[data-page=start] header,body[data-page=start] footer{max-width:64rem}
main{padding:2rem;background:var(--card);border:1px solid var(--hair);border-radius:.75rem;box-shadow:var(--shadow);overflow-wrap:anywhere}
@media(max-width:32rem){body{padding:1rem .5rem 1.5rem}main{padding:1.5rem 1.25rem}}
.brand{display:inline-block;margin:0;padding:.2rem .7rem;font-size:.875rem;font-weight:600;color:var(--note);background:var(--note-tint);border-radius:1rem}.not{font-weight:400}.soft,footer{color:var(--soft)}footer{font-size:.875rem}
p{margin:.75rem 0}main>p.soft:first-child{margin-top:0}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem;text-wrap:balance}h2{font-size:1.0625rem;margin:1.75rem 0 .5rem}h3{font-size:1rem;margin:1.25rem 0 .25rem}
.app{display:flex;align-items:center;gap:.875rem;margin:1.25rem 0}.app .tile{flex:none;display:grid;place-items:center;width:3rem;height:3rem;border-radius:.625rem;background:var(--accent);color:var(--on-accent);font-size:1.375rem;font-weight:600}
.verified{color:var(--good);font-weight:600}
label{display:block;margin-top:1rem;margin-bottom:.25rem;font-weight:600}
input[type=text],input[type=email],input[type=password],textarea,select{width:100%;padding:.6rem .7rem;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:.375rem}
textarea{field-sizing:content;min-height:5.5rem}
.check{display:flex;gap:.625rem;align-items:flex-start;font-weight:400}.check input{width:1.125rem;height:1.125rem;margin:.1875rem 0 0;accent-color:var(--accent)}
button{font:inherit;font-weight:600;padding:.5rem 1.25rem;margin:1.25rem .625rem 0 0;border:1px solid var(--accent);border-radius:.375rem;background:transparent;color:var(--accent);cursor:pointer;min-height:2.75rem}
button:hover{background:var(--tint)}
button.primary{background:var(--accent);color:var(--on-accent)}button.primary:hover{text-decoration:underline}
button.wide{display:block;width:100%;text-align:left;margin:.5rem 0 0;font-weight:400}
button.link{display:block;min-height:0;margin:1.25rem 0 0;padding:.125rem 0;border:0;font-weight:400;text-align:left;text-decoration:underline;text-underline-offset:.15em}
a{color:var(--accent)}a:focus-visible,button:focus-visible,input:focus-visible,textarea:focus-visible,select:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.error{color:var(--bad);font-weight:600}code,.code{font-family:ui-monospace,monospace;font-size:.9em}
.details{margin-top:2rem;padding-top:1.25rem;border-top:1px solid var(--hair);font-size:.875rem;color:var(--soft)}.details h2{margin:0;font-size:.875rem}.details p{margin:.25rem 0 .5rem}.details dl{gap:.125rem 1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:.5rem 0}dt{color:var(--soft)}dd{margin:0}
.scroll{overflow-x:auto}table{overflow-wrap:normal;min-width:34rem;border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--hair);vertical-align:top}
.permissions{list-style:none;padding-left:0;border-top:1px solid var(--hair)}.permissions li{border-bottom:1px solid var(--hair)}.permissions summary{padding:.5rem 0 .5rem 1.125rem;text-indent:-1.125rem}.permissions details p{margin:.25rem 0 .5rem 1rem}
.switches{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:end}.switches select{width:auto;min-width:8rem;margin-right:.5rem}.switches button{margin-right:0}
body[data-page=start] button{margin:.25rem .5rem 0 0;padding:.3rem .8rem;min-height:2.25rem;font-weight:400}body[data-page=start] td button{padding:.2rem .6rem;min-height:2rem}
body[data-page=start] label{margin-top:.5rem;font-size:.875rem;font-weight:400;color:var(--soft)}body[data-page=start] h3{margin-top:1.5rem;padding-top:1.25rem;border-top:1px solid var(--hair)}body[data-page=start] input{max-width:12rem;margin-right:.5rem}.switches{margin-bottom:.5rem}td.code{white-space:nowrap}
form.inline{display:inline}td button{margin-top:.25rem;padding:.25rem .6rem;min-height:2rem}
ul{padding-left:1.2rem}summary{cursor:pointer}
";
