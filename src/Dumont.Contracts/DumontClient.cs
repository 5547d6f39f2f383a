using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Dumont.Contracts;

/// <summary>Calls the REST API of one Dumont server: base URL, bearer token, JSON in and out, problems as exceptions.</summary>
/// <remarks>
/// Bodies are <see cref="JsonNode"/> or types with source-generated metadata, so that callers can be trimmed. Nothing is retried
/// and no state is kept besides <see cref="Token"/>. Safe for concurrent calls as long as <see cref="Token"/> is not changed meanwhile.
/// The transport's time limit is <see cref="HttpClient.Timeout"/>.
/// </remarks>
public sealed class DumontClient
{
    // An error page of a proxy in front of the server may be huge; a problem never is.
    private const int DetailLengthMax = 2_000;

    private readonly HttpClient _http;

    /// <summary>Uses <paramref name="http"/>, which the caller keeps and disposes of.</summary>
    /// <param name="http">Transport; its own base address is not used.</param>
    /// <param name="baseUrl">Where the server is, <c>http://127.0.0.1:8767</c> or <c>https://host/prefix</c>, with or without a final slash.</param>
    /// <exception cref="ArgumentException"><paramref name="baseUrl"/> is not an absolute http(s) URL.</exception>
    public DumontClient(HttpClient http, Uri baseUrl)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(baseUrl);
        if (!baseUrl.IsAbsoluteUri || baseUrl.Scheme is not ("http" or "https"))
        {
            throw new ArgumentException($"'{baseUrl}' is not an absolute http or https URL.", nameof(baseUrl));
        }

        _http = http;
        BaseUrl = new Uri(baseUrl.GetLeftPart(UriPartial.Path).TrimEnd('/'));
    }

    /// <summary>The server, without a final slash in its path.</summary>
    public Uri BaseUrl { get; }

    /// <summary>Access token or API key, sent as <c>Authorization: Bearer</c>; null sends none.</summary>
    public string? Token { get; set; }

    /// <summary>Sends one request and returns the JSON answer.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="path">Absolute path with query below the base URL, already escaped: <c>/api/v1/instances?limit=5</c>.</param>
    /// <param name="body">JSON body; null sends none.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The answer; null when it has no body (204).</returns>
    /// <exception cref="DumontApiException">Any answer outside 200 to 299.</exception>
    /// <exception cref="HttpRequestException">No answer: not reachable, TLS, or broken off.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, or the transport's time limit passed.</exception>
    public async Task<JsonNode?> SendAsync(HttpMethod method, string path, JsonNode? body, CancellationToken cancellationToken)
    {
        var text = await SendTextAsync(method, path, body?.ToJsonString(), idempotencyKey: null, cancellationToken);
        return ParseAnswer(text);
    }

    /// <summary>As <see cref="SendAsync(HttpMethod, string, JsonNode?, CancellationToken)"/>, for a request that must happen at most once
    /// however often it is sent.</summary>
    /// <param name="method">HTTP method.</param>
    /// <param name="path">Absolute path with query below the base URL.</param>
    /// <param name="body">JSON body; null sends none.</param>
    /// <param name="idempotencyKey">The same for every repeat of this request, up to 255 visible ASCII characters.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<JsonNode?> SendOnceAsync(
        HttpMethod method, string path, JsonNode? body, string idempotencyKey, CancellationToken cancellationToken)
    {
        var text = await SendTextAsync(method, path, body?.ToJsonString(), idempotencyKey, cancellationToken);
        return ParseAnswer(text);
    }

    /// <summary>GET of a typed answer.</summary>
    /// <param name="path">Absolute path with query below the base URL.</param>
    /// <param name="answer">Source-generated metadata of the answer.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="DumontApiException">Any answer outside 200 to 299, or one that is not a <typeparamref name="T"/>.</exception>
    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> answer, CancellationToken cancellationToken)
    {
        var text = await SendTextAsync(HttpMethod.Get, path, body: null, idempotencyKey: null, cancellationToken);
        return Deserialize(text, answer);
    }

    /// <summary>POST of a typed request with a typed answer.</summary>
    /// <param name="path">Absolute path with query below the base URL.</param>
    /// <param name="request">Body.</param>
    /// <param name="requestInfo">Source-generated metadata of the body.</param>
    /// <param name="answer">Source-generated metadata of the answer.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="DumontApiException">Any answer outside 200 to 299, or one that is not a <typeparamref name="TAnswer"/>.</exception>
    public async Task<TAnswer> PostAsync<TRequest, TAnswer>(
        string path, TRequest request, JsonTypeInfo<TRequest> requestInfo, JsonTypeInfo<TAnswer> answer, CancellationToken cancellationToken)
    {
        var body = JsonSerializer.Serialize(request, requestInfo);
        var text = await SendTextAsync(HttpMethod.Post, path, body, idempotencyKey: null, cancellationToken);
        return Deserialize(text, answer);
    }

    private async Task<string> SendTextAsync(
        HttpMethod method, string path, string? body, string? idempotencyKey, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(BaseUrl.AbsoluteUri.TrimEnd('/') + path));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (Token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        }

        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        using var response = await _http.SendAsync(request, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode ? text : throw ProblemOf(response, text);
    }

    private static JsonNode? ParseAnswer(string text)
    {
        if (text.Length == 0)
        {
            return null;
        }

        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException e)
        {
            throw NotOurAnswer(e);
        }
    }

    private static T Deserialize<T>(string text, JsonTypeInfo<T> info)
    {
        try
        {
            return JsonSerializer.Deserialize(text, info) ?? throw NotOurAnswer(null);
        }
        catch (JsonException e)
        {
            throw NotOurAnswer(e);
        }
    }

    private static DumontApiException NotOurAnswer(JsonException? inner) => new(
        HttpStatusCode.OK,
        "invalid_answer",
        "The answer is not the expected JSON. Is the base URL that of a Dumont server?",
        inner);

    private static DumontApiException ProblemOf(HttpResponseMessage response, string text)
    {
        JsonObject? problem = null;
        try
        {
            problem = JsonNode.Parse(text) as JsonObject;
        }
        catch (JsonException)
        {
            // Not ours: a proxy's page or plain text, shown below as it is.
        }

        var reason = response.ReasonPhrase ?? response.StatusCode.ToString();
        var detail = problem is null
            ? text.Trim() is { Length: > 0 and <= DetailLengthMax } plain && !plain.StartsWith('<') ? plain : reason
            : ValidationText(problem["detail"]) ?? TextOf(problem, "detail") ?? TextOf(problem, "error")
                ?? TextOf(problem, "message") ?? TextOf(problem, "title") ?? reason;
        return new DumontApiException(response.StatusCode, TextOf(problem, "code") ?? TextOf(problem, "error") ?? reason, detail, null)
        {
            Title = TextOf(problem, "title") ?? reason,
            Hint = TextOf(problem, "hint"),
            Type = TextOf(problem, "type"),
            Errors = ErrorsOf(problem),
            RetryAfter = response.Headers.RetryAfter?.Delta,
            RequestId = TextOf(problem, "request_id")
                ?? (response.Headers.TryGetValues("X-Request-Id", out var ids) ? ids.FirstOrDefault() : null),
            Body = problem,
        };
    }

    // 422: detail is a list of {loc:["body","offer_id"], msg, type}.
    private static string? ValidationText(JsonNode? detail)
    {
        if (detail is not JsonArray { Count: > 0 } list)
        {
            return null;
        }

        var lines =
            from item in list.OfType<JsonObject>()
            let place = item["loc"] is JsonArray loc ? string.Join('.', loc.Select(part => part?.ToString())) : null
            let message = TextOf(item, "msg") ?? "invalid"
            select string.IsNullOrEmpty(place) ? message : $"{place}: {message}";
        return string.Join("; ", lines);
    }

    private static Dictionary<string, IReadOnlyList<string>> ErrorsOf(JsonObject? problem)
    {
        var errors = new Dictionary<string, IReadOnlyList<string>>();
        if (problem?["errors"] is JsonObject fields)
        {
            foreach (var (field, messages) in fields)
            {
                errors[field] = messages is JsonArray list ? [.. list.Select(m => m?.ToString() ?? "")] : [messages?.ToString() ?? ""];
            }
        }

        return errors;
    }

    private static string? TextOf(JsonObject? node, string name) =>
        node?[name] is JsonValue value && value.GetValueKind() == JsonValueKind.String && value.ToString() is { Length: > 0 } text ? text : null;
}

/// <summary>The server answered with a problem.</summary>
public sealed class DumontApiException : Exception
{
    /// <summary>Made from an answer.</summary>
    /// <param name="status">HTTP status.</param>
    /// <param name="code">Stable slug of the problem, <c>offer_gone</c>; the reason phrase where the answer names none.</param>
    /// <param name="detail">What went wrong, for the user.</param>
    /// <param name="inner">What broke while reading the answer, if so.</param>
    public DumontApiException(HttpStatusCode status, string code, string detail, Exception? inner)
        : base(string.Create(CultureInfo.InvariantCulture, $"{(int)status} {code}: {detail}"), inner)
    {
        Status = status;
        Code = code;
        Detail = detail;
        Title = code;
    }

    /// <summary>HTTP status.</summary>
    public HttpStatusCode Status { get; }

    /// <summary>Stable slug of the problem.</summary>
    public string Code { get; }

    /// <summary>What went wrong, for the user; for 422 all fields in one line.</summary>
    public string Detail { get; }

    /// <summary>Short name of the problem; <c>Unauthorized</c>.</summary>
    public string Title { get; init; }

    /// <summary>What to do about it; null where the server has no advice.</summary>
    public string? Hint { get; init; }

    /// <summary>URI of the problem type; null when not given.</summary>
    public string? Type { get; init; }

    /// <summary>Messages by field; empty unless fields were wrong.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Errors { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>How long to wait before trying again, from <c>Retry-After</c>; null when not given.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Finds the request in the server's log; null when not given.</summary>
    public string? RequestId { get; init; }

    /// <summary>The whole problem; null when the answer was not a JSON object.</summary>
    public JsonObject? Body { get; init; }
}
