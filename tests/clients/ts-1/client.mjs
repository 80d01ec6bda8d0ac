// The TypeScript SDK's client of the session revisions, unmodified, driven by a script on stdin. Script and answers are those of the
// Python one.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
    CreateMessageRequestSchema,
    ElicitRequestSchema,
    LoggingMessageNotificationSchema,
    ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { text } from 'node:stream/consumers';

const say = line => process.stdout.write(JSON.stringify(line) + '\n');
const logs = [];

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
    try {
        const result = await client.callTool({ name: step.tool, arguments: step.arguments ?? {} }, undefined, options);
        return { result, progress, logs: logs.splice(0) };
    } catch (error) {
        if (abort.signal.aborted) return { cancelled: true, progress };
        throw error;
    }
}

async function ping(client) {
    await client.ping();
    return {};
}

async function setLevel(client, step) {
    await client.setLoggingLevel(step.level);
    return {};
}

async function end(client) {
    await client.transport.terminateSession();
    return {};
}

const steps = { list, call, ping, setLevel, end };

const script = JSON.parse(await text(process.stdin));
const client = new Client(
    { name: 'onedoor-tests', version: '1' },
    { capabilities: script.answers ? { elicitation: {}, sampling: {} } : {} },
);
if (script.answers) {
    client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: script.answers.elicitation }));
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
        model: 'none',
        role: 'assistant',
        content: { type: 'text', text: script.answers.sampling },
    }));
}
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logs.push(params.data));
client.setNotificationHandler(ToolListChangedNotificationSchema, () => {});
const transport = new StreamableHTTPClientTransport(new URL(script.url), {
    requestInit: { headers: { Authorization: `Bearer ${script.token}` } },
});
await client.connect(transport);
say({
    op: 'connect',
    protocolVersion: transport.protocolVersion,
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
