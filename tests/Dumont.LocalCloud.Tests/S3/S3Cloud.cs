using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.S3;
using Dumont.LocalCloud.Tests.Support;
using Microsoft.Extensions.Logging;

namespace Dumont.LocalCloud.Tests.S3;

/// <summary>How a request is signed; the defaults are right.</summary>
internal sealed record Signing
{
    public string? KeyId { get; init; }

    public string? Secret { get; init; }

    public string Region { get; init; } = "us-east-1";

    public TimeSpan Skew { get; init; }

    /// <summary>What <c>x-amz-content-sha256</c> says; null for the body's own.</summary>
    public string? Payload { get; init; }
}

/// <summary>An answer of S3, read whole.</summary>
internal sealed record S3Reply(int Status, string Text, byte[] Bytes, IReadOnlyDictionary<string, string> Headers)
{
    public XElement Xml => XDocument.Parse(Text).Root!;

    public string? Code => Text.StartsWith('<') ? Value("Code") : null;

    public string? Value(string element) => Xml.Descendants().FirstOrDefault(found => found.Name.LocalName == element)?.Value;

    public string[] Values(string element) => [.. Xml.Descendants().Where(found => found.Name.LocalName == element).Select(found => found.Value)];
}

/// <summary>S3 of the local cloud, and a client written from Amazon's description of the signature. Shared by the tests of a class.</summary>
public sealed class S3Cloud : IAsyncLifetime
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ActivityHeadersPropagator = null });
    private readonly string _folder = Scratch.Create("dumont-s3-");
    private S3Server _server = null!;
    private int _buckets;

    internal S3Account Account { get; } = S3Account.Create();

    internal FaultBook Faults { get; } = new(1, TimeProvider.System);

    internal Uri Endpoint => _server.Endpoint;

    internal string Folder => _folder;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _server = await S3Server.StartAsync(0, _folder, Account, Faults, TimeProvider.System, LogLevel.Warning, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _http.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    internal async Task RestartAsync(Action? meanwhile = null)
    {
        await _server.DisposeAsync();
        meanwhile?.Invoke();
        await InitializeAsync();
    }

    /// <summary>A new bucket.</summary>
    internal async Task<string> BucketAsync()
    {
        var name = $"bucket-{++_buckets}";
        Assert.Equal(200, (await SendAsync("PUT", "/" + name)).Status);
        return name;
    }

    internal void Arm(string kind, string operation, double status = 500) => Faults.Add(id => new Fault
    {
        Id = id,
        Kind = FaultKind.Find(kind)!,
        Operation = operation,
        Provider = "s3",
        Count = 1,
        Numbers = new Dictionary<string, double> { ["status"] = status, ["delay_seconds"] = 0.01, ["bytes_per_second"] = 1000 },
    });

    internal Task<S3Reply> SendAsync(string method, string path, string? text = null, Signing? signing = null, params (string Name, string Value)[] headers) =>
        SendAsync(method, path, text is null ? null : Encoding.UTF8.GetBytes(text), signing, headers);

    /// <summary>Sends a signed request. The path is as it goes over the wire.</summary>
    internal async Task<S3Reply> SendAsync(string method, string path, byte[]? body, Signing? signing, params (string Name, string Value)[] headers)
    {
        signing ??= new Signing();
        var address = new Uri(Endpoint.ToString().TrimEnd('/') + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        var payload = signing.Payload ?? Convert.ToHexStringLower(SHA256.HashData(body ?? []));
        var stamp = (TimeProvider.System.GetUtcNow() + signing.Skew).ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        List<(string Name, string Value)> all = [.. headers, ("x-amz-date", stamp), ("x-amz-content-sha256", payload)];
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
        }

        foreach (var (name, value) in all)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                request.Content!.Headers.TryAddWithoutValidation(name, value);
            }
        }

        var signed = all.Where(header => header.Name.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase)).Append((Name: "host", Value: address.Authority))
            .Select(header => (Name: header.Name.ToLowerInvariant(), header.Value)).OrderBy(header => header.Name, StringComparer.Ordinal).ToList();
        var question = path.IndexOf('?', StringComparison.Ordinal);
        var canonical = $"{method}\n{(question < 0 ? path : path[..question])}\n{CanonicalQuery(question < 0 ? "" : path[(question + 1)..])}\n"
            + string.Concat(signed.Select(header => $"{header.Name}:{header.Value}\n")) + $"\n{string.Join(';', signed.Select(header => header.Name))}\n{payload}";
        var signature = Sign(canonical, stamp, signing);
        request.Headers.TryAddWithoutValidation(
            "Authorization",
            $"AWS4-HMAC-SHA256 Credential={signing.KeyId ?? Account.AccessKeyId}/{stamp[..8]}/{signing.Region}/s3/aws4_request,SignedHeaders={string.Join(';', signed.Select(header => header.Name))},Signature={signature}");
        return await ReadAsync(request);
    }

    /// <summary>An address that is good for a while.</summary>
    internal string Presigned(string method, string path, int seconds = 60, TimeSpan age = default)
    {
        var stamp = (TimeProvider.System.GetUtcNow() - age).ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var query = CanonicalQuery(
            $"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={Uri.EscapeDataString($"{Account.AccessKeyId}/{stamp[..8]}/us-east-1/s3/aws4_request")}&X-Amz-Date={stamp}&X-Amz-Expires={seconds}&X-Amz-SignedHeaders=host");
        var signature = Sign($"{method}\n{path}\n{query}\nhost:{Endpoint.Authority}\n\nhost\nUNSIGNED-PAYLOAD", stamp, new Signing());
        return $"{path}?{query}&X-Amz-Signature={signature}";
    }

    /// <summary>What tags of objects are made of.</summary>
    internal static byte[] Md5(ReadOnlySpan<byte> bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        hash.AppendData(bytes);
        return hash.GetHashAndReset();
    }

    /// <summary>Sends without a signature of its own.</summary>
    internal async Task<S3Reply> SendBareAsync(string method, string path, byte[]? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Endpoint, path));
        request.Content = body is null ? null : new ByteArrayContent(body);
        return await ReadAsync(request);
    }

    private static string CanonicalQuery(string query) => string.Join(
        '&', query.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Contains('=', StringComparison.Ordinal) ? pair : pair + "=").Order(StringComparer.Ordinal));

    private string Sign(string canonical, string stamp, Signing signing)
    {
        var scope = $"{stamp[..8]}/{signing.Region}/s3/aws4_request";
        var text = $"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
        var key = Encoding.UTF8.GetBytes("AWS4" + (signing.Secret ?? Account.SecretAccessKey));
        foreach (var part in scope.Split('/'))
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        }

        return Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
    }

    private async Task<S3Reply> ReadAsync(HttpRequestMessage request)
    {
        using var response = await _http.SendAsync(request, Cancelled);
        var bytes = await response.Content.ReadAsByteArrayAsync(Cancelled);
        var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key.ToLowerInvariant(), header => string.Join(',', header.Value));
        return new S3Reply((int)response.StatusCode, Encoding.UTF8.GetString(bytes), bytes, headers);
    }
}
