// The script of the emulated chatbot's pages, as a bundler leaves it: what a team's frontend uses, and what its libraries bring along.
const n={base:"/api",types:["application/json","text/html"],dates:"MM/DD/YYYY"},a="/api/conversations";
const r=[{path:"/settings"},{path:"/pricing"},{path:"/people/:id"},{path:"*"}];
async function o(e,t={}){return(await fetch(e,{...t,headers:{Authorization:`Bearer ${s()}`}})).json()}
const i={login:(e,t)=>fetch("/api/login",{method:"POST",body:JSON.stringify({email:e,password:t})}),logout:()=>fetch("/api/logout",{method:"POST"}),
signUp:e=>fetch("/api/signup",{method:"POST",body:e}),list:()=>o(a),one:e=>o(`${a}/${e}`),remove:e=>o("/api/conversations/"+e,{method:"DELETE"}),
create:e=>fetch(a,{method:"POST",body:e}),documents:()=>o(n.base+"/documents"),document:e=>o("/api/documents/".concat(e)),
everything:()=>o("/api/search/all"),recent:()=>o(`${n.base}/documents/recent`),preview:e=>o(`/api/documents/${encodeURIComponent(e.id)}/preview`),
activity:tenant=>o(`/api/tenants/${tenant}/activity`),stats:()=>o("/api/stats"),members:()=>o("/api/members"),
rename:(e,t)=>fetch(`/api/documents/${e}/title`,{method:"PATCH",body:JSON.stringify({title:t})}),health:()=>fetch("/healthz")};
navigator.sendBeacon("https://telemetry.example.org/envelope/","x");l.post("/v1/traces",n);const c=/["'`]\/api\/nothing/.test(location.href);
f("/vendor/chunk.css"),f("/favicon.ico"),f("/foo/bar"),f("/oauth/authorize?x=1"),m.get("content-type");
