"""The page at /docs: what can be asked, from /openapi.json, with a form to try it. It loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h1{font-size:1.6rem;margin:0}h2{font-size:1rem;margin:0;font-family:ui-monospace,monospace}
section{border:1px solid #d5dbe3;border-radius:8px;margin:1rem 0;padding:.8rem 1rem}
b{display:inline-block;min-width:3.2rem;color:#fff;background:#27632a;border-radius:4px;text-align:center;
margin-right:.6rem;font-size:.8rem;line-height:1.6}b.post{background:#1f4e9c}
textarea,input{width:100%;box-sizing:border-box;font:13px/1.4 ui-monospace,monospace;padding:.4rem;
border:1px solid #d5dbe3;border-radius:4px}
button{margin:.5rem 0;padding:.3rem 1rem;border:1px solid #1f4e9c;background:#fff;color:#1f4e9c;border-radius:4px;
cursor:pointer}pre{background:#f3f5f8;padding:.6rem;border-radius:4px;overflow:auto;max-height:24rem;margin:.3rem 0}
p{margin:.3rem 0}label{display:block;margin:1rem 0}
"""
_SCRIPT = """
const make=(tag,text,parent,kind)=>{const e=document.createElement(tag);if(text)e.textContent=text;
if(kind)e.className=kind;parent.append(e);return e};
const key=document.getElementById('key');
const show=(method,path,told)=>{
const box=make('section','',document.getElementById('paths'));
const head=make('h2','',box);make('b',method.toUpperCase(),head,method);head.append(path);
make('p',told.summary||'',box);
const body=told.requestBody&&told.requestBody.content['application/json'];
const area=body&&make('textarea','',box);
if(area){area.value=JSON.stringify(body.example,null,2);area.rows=area.value.split('\\n').length+1}
const button=make('button','Send',box),out=make('pre','',box);out.hidden=true;
button.onclick=async()=>{out.hidden=false;out.textContent='…';const headers={};
if(area)headers['Content-Type']='application/json';
if(key.value)headers['Authorization']='Bearer '+key.value;
try{const began=performance.now();
const answer=await fetch(path,{method:method.toUpperCase(),headers,body:area?area.value:undefined});
let text=await answer.text();const took=(performance.now()-began).toFixed(1);
try{text=JSON.stringify(JSON.parse(text),null,2)}catch(e){}
out.textContent=answer.status+' '+answer.statusText+' in '+took+' ms\\n\\n'+text}
catch(e){out.textContent=String(e)}}};
fetch('/openapi.json').then(a=>a.json()).then(told=>{
for(const [path,methods] of Object.entries(told.paths))
for(const [method,operation] of Object.entries(methods))show(method,path,operation)});
"""
PAGE = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Product tagger</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>Product tagger</h1><p>Category and tags of product texts. Machine-readable: <a href="/openapi.json">openapi.json</a>
</p><label>Key, where the server wants one <input id="key" type="password" autocomplete="off"></label>
<div id="paths"></div><script>{_SCRIPT}</script></body></html>"""


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; script-src {_source(_SCRIPT)}; style-src {_source(_STYLE)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: only what stands in the page runs, and it asks only this server."""
