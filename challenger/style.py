"""How the status page looks, and how it stays fresh."""

STYLE = """
:root{--ink:#1b2430;--soft:#5d6b7a;--line:#e3e8ee;--paper:#f6f8fa;--card:#fff;
--right:#12805c;--right-soft:#dff3ea;--wrong:#c0274b;--wrong-soft:#fbe4ea;--open:#8a6100;--blue:#2f6fde}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:70rem;margin:0 auto;padding:1.25rem 1rem 3rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline;justify-content:space-between}
h1{font-size:1.35rem;margin:0} h2{font-size:1.05rem;margin:1.75rem 0 .6rem}
.soft{color:var(--soft)} code{font:.86em ui-monospace,SFMono-Regular,Menlo,monospace;overflow-wrap:anywhere}
.banner{margin:.9rem 0;padding:.7rem 1rem;border-radius:.6rem;overflow-wrap:anywhere;
background:var(--right-soft);color:#0b5c41}
.banner.alarm{background:var(--wrong-soft);color:#8f1735;font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem}
.tile{padding:.6rem .85rem}
.tile b{display:block;font-size:1.05rem;white-space:nowrap;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.82rem}
.card{padding:.9rem 1rem;margin:.6rem 0}
.row{display:flex;flex-wrap:wrap;gap:.1rem 1rem;justify-content:space-between}
.side{padding:.6rem 0 .2rem;border-top:1px solid var(--line);margin-top:.6rem}
.bar{position:relative;height:.6rem;border-radius:.3rem;background:#edf1f5;overflow:hidden;margin:.25rem 0 .35rem}
.bar i{position:absolute;inset:0 auto 0 0;border-radius:.3rem;min-width:2px}
.right i{background:var(--right)} .wrong i{background:var(--wrong)} .depth i{background:var(--blue)}
.depth u{position:absolute;top:0;bottom:0;width:2px;background:#fff}
.tag{display:inline-block;padding:0 .5rem;border-radius:1rem;font-size:.8rem;font-weight:600}
.tag.right,.tag.confirmed{background:var(--right-soft);color:var(--right)}
.tag.wrong,.tag.rejected{background:var(--wrong-soft);color:var(--wrong)}
.tag.open,.tag.pending,.tag.none{background:#fdf3d8;color:var(--open)}
ul{margin:.2rem 0 0;padding-left:1.1rem} li{font-size:.88rem}
.doing{margin:.6rem 0 0}
.scroll{overflow-x:auto} table{border-collapse:collapse;width:100%;background:var(--card);font-size:.9rem}
th,td{text-align:left;padding:.4rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap;
font-variant-numeric:tabular-nums} th{color:var(--soft);font-weight:500}
"""

REFRESH = """
setInterval(async () => {
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
    document.querySelector("main").replaceWith(page.querySelector("main"));
  } catch (error) { document.querySelector(".banner").textContent = "The challenger does not answer."; }
}, 2000);
"""
