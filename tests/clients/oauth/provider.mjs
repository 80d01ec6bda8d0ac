// What both TypeScript SDKs ask their host for: somewhere to keep things, and a browser.

export class Provider {
    constructor(script, browser) {
        this.user = script.user;
        this.browser = browser;
        this.clientMetadataUrl = script.clientMetadataUrl;
        this.redirectUrl = browser.redirect;
        this.clientMetadata = {
            client_name: 'TypeScript',
            redirect_uris: [browser.redirect],
            grant_types: ['authorization_code', 'refresh_token'],
            response_types: ['code'],
            token_endpoint_auth_method: 'none',
        };
    }
    state = () => 'state-of-the-test';
    clientInformation = () => this.client;
    saveClientInformation = client => { this.client = client; };
    discoveryState = () => this.discovered;
    saveDiscoveryState = discovered => { this.discovered = discovered; };
    tokens = () => this.kept;
    saveTokens = tokens => { this.kept = tokens; };
    saveCodeVerifier = verifier => { this.verifier = verifier; };
    codeVerifier = () => this.verifier;
    async redirectToAuthorization(url) {
        this.callback = await this.browser.click(url.href, this.user);
        if (this.callback.get('state') !== this.state()) throw new Error('another state');
    }
}
