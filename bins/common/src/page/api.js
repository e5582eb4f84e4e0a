// Requests to the server. Paths are relative, so that the page works behind a proxy that adds a prefix.

export const get = (path, parameters = {}) => request("GET", `${path}?${new URLSearchParams(parameters)}`);

export const putWish = (wish) => request("PUT", "wishes", wish);

export const deleteWish = (wish) => request("DELETE", "wishes", wish);

export const demo = (command) => request("POST", "demo", { command });

// The token stays in this tab, and goes with it.
export const credentials = {
    get token() {
        return sessionStorage.getItem("token") ?? "";
    },
    get name() {
        return sessionStorage.getItem("name") ?? "";
    },
    keep({ token, name }) {
        sessionStorage.setItem("token", token);
        sessionStorage.setItem("name", name);
    },
};

async function request(method, path, body) {
    const response = await fetch(`api/v1/${path}`, { method, headers: headers(body), body: body && JSON.stringify(body) }).catch(
        () => {
            throw new Error("The server does not answer. Check the connection, then try again.");
        },
    );
    if (!response.ok) throw new Error(await reason(response));
    return response.status === 204 ? null : response.json();
}

function headers(body) {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    if (body && credentials.token) headers.Authorization = `Bearer ${credentials.token}`;
    return headers;
}

async function reason(response) {
    const answer = await response.json().catch(() => ({}));
    return answer.error ?? `The server answered ${response.status} ${response.statusText}.`;
}
