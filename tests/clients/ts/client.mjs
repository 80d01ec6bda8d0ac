// The TypeScript SDK's client, unmodified, driven by a script on stdin. Script and answers are those of the Python one.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { text } from 'node:stream/consumers';

const say = line => process.stdout.write(JSON.stringify(line) + '\n');

async function list(client) {
    const tools = [];
    let cursor;
    do {
        const page = await client.listTools(cursor === undefined ? {} : { cursor });
        tools.push(...page.tools);
        cursor = page.nextCursor;
    } while (cursor !== undefined);
    return { tools };
}

async function call(client, step) {
    const progress = [];
    const abort = new AbortController();
    const onprogress = update => {
        progress.push(update);
        if (progress.length === step.cancelAfterProgress) abort.abort();
    };
    const options = { signal: abort.signal, timeout: 60_000, ...(step.progress ? { onprogress } : {}) };
    const params = { name: step.tool, arguments: step.arguments ?? {}, ...(step.meta ? { _meta: step.meta } : {}) };
    try {
        return { result: await client.callTool(params, options), progress };
    } catch (error) {
        if (abort.signal.aborted) return { cancelled: true, progress };
        throw error;
    }
}

const steps = { list, call };

const script = JSON.parse(await text(process.stdin));
const client = new Client(
    { name: 'onedoor-tests', version: '1' },
    { versionNegotiation: { mode: 'auto' } },
);
const transport = new StreamableHTTPClientTransport(new URL(script.url), {
    requestInit: { headers: { Authorization: `Bearer ${script.token}`, ...script.headers } },
});
await client.connect(transport);
say({
    op: 'connect',
    protocolVersion: client.getNegotiatedProtocolVersion(),
    server: client.getServerVersion() ?? null,
    capabilities: client.getServerCapabilities(),
});
for (const step of script.steps) {
    try {
        say({ op: step.op, ...(await steps[step.op](client, step)) });
    } catch (error) {
        // Only what the server said counts: anything else is the test's failure.
        if (typeof error.code !== 'number') throw error;
        say({ op: step.op, error: { code: error.code, message: error.message, data: error.data } });
    }
}
await client.close();
