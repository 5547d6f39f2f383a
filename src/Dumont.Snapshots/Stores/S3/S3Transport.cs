using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>One request, before it is signed.</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Address">Where to.</param>
/// <param name="What">For messages, as in "write packs/3a/…".</param>
internal sealed record S3Call(HttpMethod Method, Uri Address, string What)
{
    /// <summary>The body, or null for none.</summary>
    public ReadOnlyMemory<byte>? Body { get; init; }

    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>Bytes that the answer brings, for the time that it may take.</summary>
    public long ExpectedBytes { get; init; }

    /// <summary>Statuses beside success that are answers and no failures.</summary>
    public IReadOnlyList<HttpStatusCode> Accepts { get; init; } = [];
}

/// <summary>An answer that cannot be true: cut short, or not what its checksum says.</summary>
internal sealed class DamagedAnswerException(string message) : Exception(message);

/// <summary>Sends requests to a bucket and sends them again while that may help.</summary>
/// <remarks>Why not Amazon's client: ADR-0009.</remarks>
internal sealed class S3Transport : IDisposable
{
    // A second is allowed for each of these, besides the fixed time.
    private const double BytesPerSecondLeast = 128 << 10;
    private const int PauseMaxSeconds = 20;
    private const int RetryAfterMaxSeconds = 120;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(10);

    private readonly S3StoreOptions _options;
    private readonly S3Signer _signer;
    private readonly HttpClient _http;
    private readonly string _base;
    private readonly string _where;
    private volatile bool _sendsChecksums;

    public S3Transport(S3StoreOptions options)
    {
        options.Check();
        _options = options;
        _signer = new S3Signer(options.Credentials, options.Region, options.Time);
        _sendsChecksums = options.SendChecksums;
        _where = options.Prefix.Length == 0 ? $"s3://{options.Bucket}" : $"s3://{options.Bucket}/{options.Prefix}";
        var root = options.Endpoint.GetLeftPart(UriPartial.Authority);
        // A certificate for all buckets does not cover a name with dots.
        var pathStyle = options.UsePathStyle || (options.Bucket.Contains('.', StringComparison.Ordinal) && options.Endpoint.Scheme == "https");
        _base = pathStyle ? $"{root}/{options.Bucket}" : root.Replace("://", $"://{options.Bucket}.", StringComparison.Ordinal);
        _http = new HttpClient(new SocketsHttpHandler
        {
            MaxConnectionsPerServer = options.Connections,
            PooledConnectionLifetime = ConnectionLifetime,
            ConnectTimeout = ConnectTimeout,
            UseCookies = false,
            AllowAutoRedirect = false,
            UseProxy = options.Proxy is not null,
            Proxy = options.Proxy,
            AutomaticDecompression = DecompressionMethods.None,
            // Spans and propagated headers cost as much as the rest of a small request, and an unsigned header is refused.
            ActivityHeadersPropagator = null,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = HttpVersion.Version11,
        };
    }

    public bool SendsChecksums => _sendsChecksums;

    /// <summary>For messages.</summary>
    public string Where => _where;

    /// <summary>The address of an object, or of the bucket for an empty name.</summary>
    public Uri AddressOf(string name, string query = "")
    {
        var key = name.Length == 0 ? "" : KeyOf(name);
        return new Uri($"{_base}/{key}{(query.Length > 0 ? "?" + query : "")}");
    }

    /// <summary>The key of a name, or what the keys of a prefix begin with.</summary>
    public string KeyOf(string name) => _options.Prefix.Length == 0 ? name : $"{_options.Prefix}/{name}";

    /// <summary>Sends a request and reads its answer, as often as it takes.</summary>
    /// <param name="make">The request; asked anew each time.</param>
    /// <param name="read">Reads the answer, given how often the request has been sent; may throw what a broken connection throws, or <see cref="DamagedAnswerException"/>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ObjectStoreException">It is given up.</exception>
    public async Task<T> RunAsync<T>(Func<S3Call> make, Func<HttpResponseMessage, int, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var call = make();
            TimeSpan? wanted = null;
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                limit.CancelAfter(_options.Timeout + TimeSpan.FromSeconds(((call.Body?.Length ?? 0) + call.ExpectedBytes) / BytesPerSecondLeast));
                using var request = Build(call);
                using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
                if (response.IsSuccessStatusCode || call.Accepts.Contains(response.StatusCode))
                {
                    return await read(response, attempt, limit.Token);
                }

                var failure = await S3Failure.ReadAsync(response, limit.Token);
                if (failure.IsAboutChecksums && _sendsChecksums)
                {
                    _sendsChecksums = false;
                    continue;
                }

                if (!failure.MayPass || attempt >= _options.Attempts)
                {
                    throw failure.ToException(call.What, _where);
                }

                wanted = response.Headers.RetryAfter?.Delta;
            }
            catch (Exception e) when (IsOfNetwork(e, cancellationToken))
            {
                if (attempt >= _options.Attempts)
                {
                    throw GivenUp(e, call);
                }
            }

            await PauseAsync(attempt, wanted, cancellationToken);
        }
    }

    public void Dispose() => _http.Dispose();

    private static bool IsOfNetwork(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        ObjectStoreException => false,
        HttpRequestException or IOException or DamagedAnswerException => !cancellationToken.IsCancellationRequested,
        // The time of this one attempt was up.
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        _ => false,
    };

    private ObjectStoreException GivenUp(Exception exception, S3Call call) => exception switch
    {
        DamagedAnswerException damaged => new ObjectStoreException(
            ObjectStoreErrorKind.Corrupt, $"cannot {call.What} in {_where}: {damaged.Message}, {_options.Attempts} times over; check the network and the object", exception),
        OperationCanceledException => new ObjectStoreException(
            ObjectStoreErrorKind.Transient, $"cannot {call.What} in {_where}: no answer from {_options.Endpoint.Authority} in time; check the network, then try again", exception),
        _ => new ObjectStoreException(
            ObjectStoreErrorKind.Transient, $"cannot {call.What} in {_where}: the connection to {_options.Endpoint.Authority} failed ({exception.Message}); check the endpoint and the network", exception),
    };

    private HttpRequestMessage Build(S3Call call)
    {
        var request = new HttpRequestMessage(call.Method, call.Address) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        foreach (var (name, value) in call.Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        var hash = S3Signer.UnsignedPayload;
        if (call.Body is { } body)
        {
            request.Content = new ReadOnlyMemoryContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            if (_options.SignPayload)
            {
                hash = Convert.ToHexStringLower(SHA256.HashData(body.Span));
            }
        }

        _signer.Sign(request, hash);
        return request;
    }

    // Between half and the whole of a time that doubles, so that many who failed together do not come back together.
    private async Task PauseAsync(int attempt, TimeSpan? wanted, CancellationToken cancellationToken)
    {
        var most = Math.Min(_options.RetryPause.TotalMilliseconds * Math.Pow(2, attempt - 1), PauseMaxSeconds * 1000d);
        var pause = TimeSpan.FromMilliseconds(most * (0.5 + (RandomNumberGenerator.GetInt32(1000) / 2000d)));
        if (wanted is { } server)
        {
            pause = TimeSpan.FromSeconds(Math.Clamp(server.TotalSeconds, pause.TotalSeconds, RetryAfterMaxSeconds));
        }

        await Task.Delay(pause, _options.Time, cancellationToken);
    }
}
