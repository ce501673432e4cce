"""The page's style sheet: one column, quiet, light or dark as the reader's system is, and good on paper."""

SHEET = """
:root{--ink:#1f2328;--muted:#6b7280;--line:#d8dce2;--paper:#fefefe;--wash:#f5f6f8;--good:#00734f;--bad:#b64400;
--hue0:#0072b2;--hue1:#d55e00;--hue2:#009e73;--hue3:#cc79a7;--hue4:#e69f00;--hue5:#56b4e9}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8eb;--muted:#9aa3ae;--line:#343a42;--paper:#16191d;--wash:#1e2227;
--good:#3fc99a;--bad:#ff9257;--hue0:#58b0e8;--hue1:#ff8a3d;--hue2:#2fc796;--hue3:#e39cc4;--hue4:#f2b632;--hue5:#8accf2}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);line-height:1.55;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:16px}
main{max-width:54rem;margin:0 auto;padding:3.5rem 1.5rem 5rem}
h1{font-size:2.1rem;line-height:1.2;font-weight:650;letter-spacing:-.02em;margin:.2rem 0 .4rem;overflow-wrap:anywhere}
h1 .arrow{color:var(--muted);font-weight:400}
h2{font-size:1.08rem;font-weight:650;margin:0 0 1rem;padding-top:1.1rem;border-top:1px solid var(--line)}
h3{font-size:1rem;font-weight:600;margin:1.2rem 0 .4rem}
section{margin-top:3rem}
.kind{margin:0;color:var(--hue0);font-weight:600;font-size:.9rem}
.facts,.note,figcaption,.caution,.missing{color:var(--muted);font-size:.9rem}
.facts{margin:0 0 1.6rem}
.claim{font-family:Charter,"Iowan Old Style",Georgia,"Times New Roman",serif;font-size:1.32rem;line-height:1.5;
margin:0;overflow-wrap:anywhere}
.caution{margin:1rem 0 0;max-width:46rem}
.missing{background:var(--wash);border-radius:6px;padding:.8rem 1rem;margin:.6rem 0}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th{font-weight:500;text-align:left}
.shots,.worth{width:100%;font-size:.95rem}
.shots thead th,.worth thead th{color:var(--muted);font-size:.88rem;border-bottom:1px solid var(--muted);
padding:.3rem .8rem .4rem}
.shots thead th+th,.shots td,.worth td,.worth thead th+th{text-align:right}
.shots tbody th,.shots td,.worth tbody th,.worth td{padding:.55rem .8rem;border-bottom:1px solid var(--line);
vertical-align:top}
.shots th:first-child,.worth th:first-child{padding-left:0}
.shots td{min-width:7.5rem}
.shots td:last-child,.worth td:last-child,.shots thead th:last-child,.worth thead th:last-child{padding-right:0}
.value{display:block;font-size:1.05rem;font-weight:600;line-height:1.25}
.interval{display:block;color:var(--muted);font-size:.8rem;white-space:nowrap}
.sign{font-size:.62em;margin-right:.4em;vertical-align:.2em}
.better .value{color:var(--good)} .worse .value{color:var(--bad)}
.strip{display:block;position:relative;height:3px;background:var(--line);margin-top:.35rem;border-radius:2px}
.strip i,.strip b{position:absolute;top:0;height:3px;border-radius:2px}
.strip i{background:var(--muted)}
.strip b{width:7px;height:7px;top:-2px;margin-left:-3.5px;border-radius:50%;background:var(--ink)}
.better .strip b,.better .strip i{background:var(--good)} .worse .strip b,.worse .strip i{background:var(--bad)}
figure{margin:1.4rem 0 0}
figure svg{display:block;width:100%;height:auto;overflow:visible}
figure svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif!important}
figcaption{margin-top:.7rem}
video,figure img{display:block;width:100%;border-radius:8px;background:var(--wash)}
.pairs{width:100%;font-size:.88rem}
.pairs th,.pairs td{padding:.28rem 1rem .28rem 0;border-bottom:1px solid var(--line);vertical-align:top;
overflow-wrap:anywhere}
.pairs th{color:var(--muted);width:40%}
pre{background:var(--wash);border-radius:6px;padding:.9rem 1rem;margin:0;font-size:.9rem;white-space:pre-wrap;
overflow-wrap:anywhere}
details summary{cursor:pointer;color:var(--muted);font-size:.9rem;margin:.4rem 0 .6rem}
.side{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:2rem}
.side .claim{font-size:1.05rem}
@media(max-width:40rem){main{padding:2rem 1rem 3rem}h1{font-size:1.6rem}.claim{font-size:1.15rem}}
@media print{body{font-size:11pt}main{max-width:none;padding:0}section{break-inside:avoid;margin-top:1.6rem}
video{display:none}}
""".strip().replace("\n", "")
