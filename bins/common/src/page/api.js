// Requests to the server. Paths are relative, so that the page works behind a proxy that adds a prefix.

export const get = (path, parameters = {}) => request("GET", `${path}?${new URLSearchParams(parameters)}`);

export const putWish = wish => request("PUT", "wishes", wish);

export const deleteWish = wish => request("DELETE", "wishes", wish);

export const demo = command => request("POST", "demo", { command });

// Name and token of the viewer stay in this tab, and go with it.
export const remembered = key => sessionStorage.getItem(key) ?? "";

export const remember = (key, value) => sessionStorage.setItem(key, value);

async function request(method, path, body) {
  const response = await fetch(`api/v1/${path}`, { method, headers: headers(body), body: body && JSON.stringify(body) }).catch(
    () => {
      throw new Error("The server does not answer. Check the connection, then try again.");
    },
  );
  if (!response.ok) throw Object.assign(new Error(await reason(response)), { status: response.status });
  return response.status === 204 ? null : response.json();
}

function headers(body) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (remembered("token")) headers.Authorization = `Bearer ${remembered("token")}`;
  return headers;
}

async function reason(response) {
  const answer = await response.json().catch(() => ({}));
  return answer.error ?? `The server answered ${response.status} ${response.statusText}.`;
}
