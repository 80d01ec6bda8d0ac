// Who opens the sign-in page and clicks a user: a few lines, or Chromium.

import { createServer } from 'node:http';
import { once } from 'node:events';
import { chromium } from 'playwright-core';

const attribute = (tag, name) => new RegExp(`${name}="([^"]*)"`).exec(tag)[1];

/** A browser as small as can be. */
export class SmallBrowser {
    redirect = 'http://127.0.0.1:9/callback';

    /** What the client finds in the query of its redirect URI. */
    async click(url, user) {
        const page = await (await fetch(url)).text();
        const action = attribute(/<form[^>]*>/.exec(page)[0], 'action');
        const request = attribute(/<input[^>]*>/.exec(page)[0], 'value');
        const body = new URLSearchParams({ request, user });
        const answer = await fetch(action, { method: 'POST', body, redirect: 'manual' });
        if (answer.status !== 303) throw new Error(`the form did not redirect: ${answer.status}`);
        return new URL(answer.headers.get('location')).searchParams;
    }
}

/** A real one, with the client listening at its redirect URI as native clients do. */
export class Chromium {
    static async start() {
        const client = createServer((_, answer) => answer.end('Signed in.'));
        client.listen(0, '127.0.0.1');
        await once(client, 'listening');
        return new Chromium(client);
    }

    constructor(client) {
        this.client = client;
        this.redirect = `http://127.0.0.1:${client.address().port}/callback`;
    }

    async click(url, user) {
        const called = once(this.client, 'request');
        // As root, Chromium's own sandbox does not start.
        const args = ['--no-sandbox', '--no-proxy-server'];
        const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
        try {
            const page = await browser.newPage();
            // What the page's policy refuses is told here.
            page.on('console', message => console.error(message.text()));
            await page.goto(url);
            await page.getByRole('button', { name: user }).click();
            await page.getByText('Signed in.').waitFor();
            const [request] = await called;
            return new URL(request.url, this.redirect).searchParams;
        } finally {
            await browser.close();
            this.client.close();
        }
    }
}
