"""How an archive's page looks and searches; both are ours alone and named in its policy by their hashes."""

import base64
import hashlib

COLOURS = 12
"""How many colours people's names have."""

_HUES = "".join(f".c{n}{{--h:{n * 360 // COLOURS}}}" for n in range(COLOURS))
STYLE = (
    """
:root{color-scheme:light dark;--bg:#f4f1ec;--card:#fff;--ink:#111;--soft:#666;--line:#d8d3ca;--l:32%}
@media(prefers-color-scheme:dark){:root{--bg:#111416;--card:#1d2226;--ink:#eee;--soft:#9aa;--line:#333;--l:72%}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:52rem;padding:0 .75rem 4rem;font:1rem/1.5 system-ui,"Noto Sans Arabic",sans-serif;
background:var(--bg);color:var(--ink)}
header{position:sticky;top:0;background:var(--bg);padding:.5rem 0;border-bottom:1px solid var(--line);z-index:1}
h1{font-size:1.3rem;margin:.2rem 0}header p{margin:.2rem 0;color:var(--soft)}
#q{font:inherit;width:min(24rem,70%);padding:.3rem .6rem}nav a{margin-inline-end:.8rem;white-space:nowrap}
nav{max-height:40vh;overflow:auto}a{color:inherit;overflow-wrap:anywhere}
h2{font-size:.9rem;text-align:center;color:var(--soft);margin:1.2rem 0 .4rem;break-after:avoid}
article,.s{content-visibility:auto;contain-intrinsic-size:auto 4rem;scroll-margin-top:9rem;margin:.35rem 0}
article{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.4rem .7rem;
width:fit-content;min-width:12rem;max-width:88%;overflow-wrap:anywhere;break-inside:avoid}
article.me{margin-inline-start:auto}
.s{text-align:center;color:var(--soft);font-size:.85rem}
:target{outline:2px solid #c60}
b.w{color:hsl(var(--h) 75% var(--l))}
time,.k{color:var(--soft);font-size:.78rem;margin-inline-start:.6rem}
article>a,.s>a{text-decoration:none}
.t{text-align:start}blockquote,.q{display:block;border-inline-start:3px solid var(--line);padding-inline-start:.5rem;margin:.2rem 0;
color:var(--soft);text-decoration:none}
img,video{max-width:100%;height:auto;max-height:60vh;border-radius:.4rem}audio{width:100%}
pre{overflow:auto;direction:ltr;text-align:left}code{unicode-bidi:isolate}
ul.p{list-style:none;padding:0;margin:.2rem 0}ul.p li{display:flex;gap:.6rem;justify-content:space-between}
.r{font-size:.9rem}.searching main>*{display:none}.searching main>.hit{display:block}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--l:30%}header{position:static}
#q,nav,details{display:none}article,.s{content-visibility:visible}article{max-width:100%;width:auto}video,audio{display:none}}
"""
    + _HUES
)
SCRIPT = r"""
"use strict";
const box=document.getElementById("q"),told=document.getElementById("n"),main=document.querySelector("main");
const fold=text=>text.normalize("NFKC").toLowerCase().replace(/[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640]/g,"")
.replace(/[أإآٱ]/g,"ا").replace(/ى/g,"ي").replace(/ة/g,"ه").replace(/ؤ/g,"و").replace(/ئ/g,"ي");
let rows=null,timer=0;
function search(){
  if(!rows)rows=Array.from(main.children,row=>[row,row.tagName==="H2"?null:fold(row.textContent)]);
  const wanted=fold(box.value).split(/\s+/).filter(Boolean);
  let found=0,day=null;
  for(const [row,text] of rows){
    const hit=text!==null&&wanted.length>0&&wanted.every(word=>text.includes(word));
    row.classList.toggle("hit",hit);
    if(text===null)day=row;
    if(hit){found++;if(day)day.classList.add("hit");}
  }
  document.body.classList.toggle("searching",wanted.length>0);
  told.textContent=wanted.length?told.dataset.hits.replace("{}",found):"";
}
function show(){
  box.value="";
  search();
  const target=document.getElementById(location.hash.slice(1));
  if(target)target.scrollIntoView({block:"center"});
}
box.addEventListener("input",()=>{clearTimeout(timer);timer=setTimeout(search,150);});
addEventListener("hashchange",show);
box.hidden=false;
"""


def policy(media: str) -> str:
    """Write the page's content security policy: our own style and script, and nothing from elsewhere.

    Args:
        media: where pictures and sounds may come from.
    """
    return (
        f"default-src 'none'; img-src {media}; media-src {media}; style-src {_hash(STYLE)}; "
        f"script-src {_hash(SCRIPT)}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
