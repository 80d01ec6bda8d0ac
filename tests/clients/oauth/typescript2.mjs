// `@modelcontextprotocol/client` 2: its own OAuth client signs in, then lists and calls.

import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { text } from 'node:stream/consumers';
import { Chromium, SmallBrowser } from './browser.mjs';
import { Provider } from './provider.mjs';

const script = JSON.parse(await text(process.stdin));
const authProvider = new Provider(script, script.chromium ? await Chromium.start() : new SmallBrowser());
const transport = () => new StreamableHTTPClientTransport(new URL(script.url), { authProvider });
const client = () => new Client({ name: 'onedoor-tests', version: '1' }, { versionNegotiation: { mode: 'auto' } });

const first = transport();
const challenged = await client().connect(first).then(() => null, error => error);
if (!(challenged instanceof UnauthorizedError)) throw challenged ?? new Error('there was no challenge');
await first.finishAuth(authProvider.callback);

const signedIn = client();
await signedIn.connect(transport());
const tools = (await signedIn.listTools()).tools.map(tool => tool.name);
// A token that the door refuses: the SDK renews it.
const { access_token } = authProvider.kept;
const broken = `${access_token.slice(0, -4)}AAAA`;
authProvider.kept = { ...authProvider.kept, access_token: broken };
const result = await signedIn.callTool({ name: script.tool, arguments: {} });
console.log(JSON.stringify({
    clientId: authProvider.client.client_id,
    tools,
    result: result.structuredContent,
    renewed: ![access_token, broken].includes(authProvider.kept.access_token),
}));
await signedIn.close();
