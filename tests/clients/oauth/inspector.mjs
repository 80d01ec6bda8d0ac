// The MCP Inspector's command line: signs in, and calls. It says where to navigate, and listens for the answer.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { SmallBrowser } from './browser.mjs';

async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

const script = JSON.parse(await text(process.stdin));
const home = mkdtempSync(join(tmpdir(), 'inspector-'));
const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`;
// Without a terminal it insists on opening a browser: `true` is one that does nothing.
const env = {
    PATH: process.env.PATH, HOME: home, BROWSER: 'true', MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'memory',
};
const inspector = spawn(process.execPath, [
    new URL('node_modules/.bin/mcp-inspector', import.meta.url).pathname, '--cli', '--transport', 'http',
    '--server-url', script.url, '--protocol-era', script.era, '--callback-url', callback,
    '--method', 'tools/call', '--tool-name', script.tool, '--format', 'json',
], { env, stdio: ['ignore', 'pipe', 'pipe'] });
const answer = text(inspector.stdout);
const ended = once(inspector, 'close');
const browser = new SmallBrowser();
for await (const line of createInterface(inspector.stderr)) {
    console.error(line);
    const url = /https?:\S+\/authorize\?\S+/.exec(line)?.[0];
    if (url) await fetch(`${callback}?${await browser.click(url, script.user)}`);
}
const [status] = await ended;
rmSync(home, { recursive: true });
if (status !== 0) throw new Error(`the Inspector ended with ${status}: ${await answer}`);
console.log(await answer);
