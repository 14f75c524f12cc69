// An independent Matrix client (matrix-js-sdk, Rust crypto): JSON commands on stdin, one answer a line on stdout.
import { webcrypto } from "node:crypto";
import { createInterface } from "node:readline";

for (const level of ["log", "info", "debug", "trace", "warn", "error"]) console[level] = () => {};
Promise.withResolvers ??= () => {
    const made = {};
    made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
    return made;
}; // Node before 22
const sdk = await import("matrix-js-sdk");
const api = await import("matrix-js-sdk/lib/crypto-api/index.js");
const { RustBackupManager } = await import("matrix-js-sdk/lib/rust-crypto/backup.js");
RustBackupManager.maxBackupLoopStartDelayMillis = 0; // else up to ten seconds, by chance

let client, crypto;
let storageKey = null; // what opens secret storage
const requests = []; // verification requests that came
const waiting = []; // who waits for one
const flows = [];
let remaining = null; // room keys that wait for the backup

const once = (emitter, event, test) =>
    new Promise((resolve) => {
        const listener = (...args) => {
            if (!test(...args)) return;
            emitter.off(event, listener);
            resolve(args);
        };
        emitter.on(event, listener);
    });

async function looks(event) {
    await client.decryptEventIfNeeded(event);
    const info = event.isDecryptionFailure() ? null : await crypto.getEncryptionInfoForEvent(event);
    return {
        text: event.getContent().body ?? null,
        encrypted: event.isEncrypted(),
        failure: event.decryptionFailureReason ?? null,
        shield: info ? api.EventShieldColour[info.shieldColour] : null,
        reason: info?.shieldReason != null ? api.EventShieldReason[info.shieldReason] : null,
    };
}

const raw = (text) => Buffer.from(text, "base64");
const unpadded = (bytes) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
const sha256 = async (bytes) => unpadded(await webcrypto.subtle.digest("SHA-256", bytes));
const counter = (iv) => ({ name: "AES-CTR", counter: iv, length: 64 });
const find = async (room, event) => {
    const here = () => client.getRoom(room)?.findEventById(event);
    while (!here()) await once(client, "Room.timeline", (found) => found.getId() === event);
    return here();
};

const commands = {
    async start({ url, user, device, token, strict }) {
        client = sdk.createClient({
            baseUrl: url,
            userId: user,
            deviceId: device,
            accessToken: token,
            cryptoCallbacks: {
                getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], storageKey],
                cacheSecretStorageKey: (id, info, key) => { storageKey = key; },
            },
        });
        client.on(api.CryptoEvent.KeyBackupSessionsRemaining, (left) => { remaining = left; });
        await client.initRustCrypto({ useIndexedDB: false });
        crypto = client.getCrypto();
        if (strict) crypto.setDeviceIsolationMode(new api.OnlySignedDevicesIsolationMode());
        client.on(api.CryptoEvent.VerificationRequestReceived, (request) => {
            const next = waiting.shift();
            if (next) next(request);
            else requests.push(request);
        });
        const ready = once(client, "sync", (state) => state === "PREPARED" || state === "SYNCING");
        await client.startClient({ initialSyncLimit: 50 });
        await ready;
        return {};
    },
    // makes the account's identity, secret storage and backup; gives the recovery key
    async bootstrap() {
        const auth = async (request) => { await request(null); };
        await crypto.bootstrapCrossSigning({ setupNewCrossSigning: true, authUploadDeviceSigningKeys: auth });
        const made = await crypto.createRecoveryKeyFromPassphrase();
        storageKey = made.privateKey;
        await crypto.bootstrapSecretStorage({ createSecretStorageKey: async () => made, setupNewKeyBackup: true });
        await crypto.checkKeyBackupAndEnable();
        return { recovery: made.encodedPrivateKey };
    },
    // takes over the identity and the key backup that the account has
    async recover({ recovery }) {
        storageKey = api.decodeRecoveryKey(recovery);
        await crypto.userHasCrossSigningKeys(client.getUserId(), true);
        await crypto.bootstrapCrossSigning({});
        await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
        const enabled = await crypto.checkKeyBackupAndEnable();
        const { total, imported } = await crypto.restoreKeyBackup();
        const ready = await crypto.isCrossSigningReady();
        return { total, imported, ready, trusted: enabled?.trustInfo ?? null };
    },
    async join({ room, bundle }) {
        const me = client.getUserId();
        // who invited us is whose keys are taken: see the invitation first
        while (bundle && client.getRoom(room)?.getMember(me)?.membership !== "invite")
            await once(client, "sync", () => true);
        await client.joinRoom(room);
        if (!client.getRoom(room)) await once(client, "Room", (made) => made.roomId === room);
        return {};
    },
    async send({ room, text }) {
        remaining = null;
        const { event_id } = await client.sendTextMessage(room, text);
        return { event: event_id };
    },
    // waits for an event and says what it looks like
    async read({ room, event }) {
        return looks(await find(room, event));
    },
    // waits for an event and gives all of it
    async open({ room, event }) {
        const found = await find(room, event);
        const { shield, failure } = await looks(found);
        return { shield, failure, type: found.getType(), content: found.getOriginalContent(), relation: found.getRelation() };
    },
    // waits until a message is edited
    async edited({ room, event }) {
        const found = await find(room, event);
        if (!found.replacingEvent()) await once(found, "Event.replaced", () => true);
        return { text: found.getContent().body };
    },
    // waits for one vote of a poll
    async poll({ room, event }) {
        await find(room, event);
        const made = client.getRoom(room);
        if (!made.polls.has(event)) await once(made, "Poll.New", (poll) => poll.pollId === event);
        const poll = made.polls.get(event);
        let votes = (await poll.getResponses()).getRelations();
        while (!votes.length) votes = (await once(poll, "Poll.Responses", () => true))[0].getRelations();
        const { question, answers } = poll.pollEvent;
        return {
            question: question.text,
            answers: answers.map(({ id, text }) => [id, text]),
            votes: votes.map((vote) => [vote.getSender(), vote.getContent()["org.matrix.msc3381.poll.response"].answers]),
        };
    },
    // sends anything
    async post({ room, type, content }) {
        return { event: (await client.sendEvent(room, type, content)).event_id };
    },
    // encrypts and uploads a file, as the specification says; gives its "file"
    async upload({ data }) {
        const iv = new Uint8Array(16);
        webcrypto.getRandomValues(iv.subarray(0, 8));
        const key = await webcrypto.subtle.generateKey({ name: "AES-CTR", length: 256 }, true, ["encrypt", "decrypt"]);
        const sealed = new Uint8Array(await webcrypto.subtle.encrypt(counter(iv), key, raw(data)));
        const { content_uri: url } = await client.uploadContent(new Blob([sealed]), { includeFilename: false });
        const hashes = { sha256: await sha256(sealed) };
        return { v: "v2", url, key: await webcrypto.subtle.exportKey("jwk", key), iv: unpadded(iv), hashes };
    },
    // fetches and decrypts a file
    async download({ file }) {
        const address = client.mxcUrlToHttp(file.url, undefined, undefined, undefined, false, true, true);
        const answer = await fetch(address, { headers: { Authorization: `Bearer ${client.getAccessToken()}` } });
        const sealed = new Uint8Array(await answer.arrayBuffer());
        if ((await sha256(sealed)) !== file.hashes.sha256) throw new Error("another file than was announced");
        const key = await webcrypto.subtle.importKey("jwk", file.key, "AES-CTR", false, ["decrypt"]);
        const plain = await webcrypto.subtle.decrypt(counter(raw(file.iv)), key, sealed);
        return { data: Buffer.from(plain).toString("base64") };
    },
    // fetches an event of before we came
    async fetch({ room, event }) {
        return looks(client.getEventMapper()(await client.fetchRoomEvent(room, event)));
    },
    // waits until a user is verified, or has another identity than before
    async trust({ user, want }) {
        for (;;) {
            const changed = once(client, api.CryptoEvent.UserTrustStatusChanged, (about) => about === user);
            const status = await crypto.getUserVerificationStatus(user);
            const is = { verified: status.isCrossSigningVerified(), changed: status.needsUserApproval };
            if (is[want]) return is;
            await changed;
        }
    },
    // waits until the key backup has all room keys
    async backed_up() {
        if (remaining !== 0) await once(client, api.CryptoEvent.KeyBackupSessionsRemaining, (left) => left === 0);
        return {};
    },
    // knows the devices of a user
    async known({ user }) {
        await crypto.getUserDeviceInfo([user], true);
        return {};
    },
    // waits until the last verification is cancelled
    async cancelled() {
        const { request } = flows.at(-1);
        if (request.phase !== api.VerificationPhase.Cancelled)
            await once(request, api.VerificationRequestEvent.Change, () => request.phase === api.VerificationPhase.Cancelled);
        return { code: request.cancellationCode };
    },
    // begins a verification, or takes the one that comes; "emoji" follows
    async verify({ user, device, room }) {
        let request;
        if (room) request = await crypto.requestVerificationDM(user, room);
        else if (user) request = await crypto.requestDeviceVerification(user, device);
        else request = requests.shift() ?? (await new Promise((resolve) => waiting.push(resolve)));
        flows.push({ request, begun: Boolean(user) });
        return {};
    },
    async emoji({ start }) {
        const flow = flows.at(-1);
        const { request } = flow;
        if (!flow.begun && request.phase === api.VerificationPhase.Requested) await request.accept();
        const at = (phase) => request.phase >= phase;
        if (!at(api.VerificationPhase.Ready))
            await once(request, api.VerificationRequestEvent.Change, () => at(api.VerificationPhase.Ready));
        if (start) flow.verifier = await request.startVerification("m.sas.v1");
        else {
            if (!request.verifier)
                await once(request, api.VerificationRequestEvent.Change, () => Boolean(request.verifier));
            flow.verifier = request.verifier;
        }
        const shown = once(flow.verifier, api.VerifierEvent.ShowSas, () => true);
        flow.done = flow.verifier.verify().then(() => null, (error) => String(error));
        flow.sas = flow.verifier.getShowSasCallbacks() ?? (await shown)[0];
        return { emoji: flow.sas.sas.emoji.map(([sign, name]) => name), decimal: flow.sas.sas.decimal };
    },
    async confirm() {
        const flow = flows.at(-1);
        await flow.sas.confirm();
        return { error: await flow.done };
    },
    async stop() {
        client.stopClient();
        return {};
    },
};

for await (const line of createInterface({ input: process.stdin })) {
    const { name, ...rest } = JSON.parse(line);
    let answer;
    try {
        answer = await commands[name](rest);
    } catch (error) {
        answer = { failed: String(error?.stack ?? error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
    if (name === "stop") process.exit(0);
}
