using System.Globalization;
using System.Text;
using Dumont.LocalCloud.Faults;
using Microsoft.AspNetCore.Http.Features;

namespace Dumont.LocalCloud.S3;

/// <summary>A call to S3, its address taken apart. Taken from the address as it was sent: the server's own reading of it would merge slashes
/// and dots that belong to a key.</summary>
internal sealed class S3Request
{
    private const int KeyBytesMax = 1024;

    private readonly Dictionary<string, string> _query;

    private S3Request(HttpContext http, string path, string bucket, string key, List<KeyValuePair<string, string>> parameters)
    {
        (Http, Path, Bucket, Key, Parameters) = (http, path, bucket, key, parameters);
        _query = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in parameters)
        {
            _query.TryAdd(name, value);
        }
    }

    public HttpContext Http { get; }

    /// <summary>What strikes the call itself or its answer, or null.</summary>
    public Fault? Fault { get; set; }

    /// <summary>The path, decoded.</summary>
    public string Path { get; }

    /// <summary>Empty where the call is about the account.</summary>
    public string Bucket { get; }

    /// <summary>Empty where the call is about a bucket.</summary>
    public string Key { get; }

    /// <summary>Parameters in the order they were sent, decoded.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Parameters { get; }

    public string Method => Http.Request.Method;

    public CancellationToken Aborted => Http.RequestAborted;

    /// <exception cref="S3Exception">The address cannot be read.</exception>
    public static S3Request Read(HttpContext http)
    {
        var target = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var question = target.IndexOf('?', StringComparison.Ordinal);
        var path = Decode(question < 0 ? target : target[..question]);
        if (path.Length == 0 || path[0] != '/')
        {
            throw new S3Exception(S3Error.InvalidRequest("The address is not a path."));
        }

        var slash = path.IndexOf('/', 1);
        var bucket = slash < 0 ? path[1..] : path[1..slash];
        var key = slash < 0 ? "" : path[(slash + 1)..];
        if (Encoding.UTF8.GetByteCount(key) > KeyBytesMax)
        {
            throw new S3Exception(new S3Error(400, "KeyTooLongError", "Your key is too long"));
        }

        return new S3Request(http, path, bucket, key, question < 0 ? [] : ReadQuery(target[(question + 1)..]));
    }

    public bool Has(string parameter) => _query.ContainsKey(parameter);

    public string? Query(string parameter) => _query.GetValueOrDefault(parameter);

    /// <summary>A header, or null where it is not there or empty.</summary>
    public string? Header(string name) => Http.Request.Headers.TryGetValue(name, out var value) && value.ToString() is { Length: > 0 } text ? text : null;

    /// <summary>A number among the parameters.</summary>
    /// <exception cref="S3Exception">It is none, or out of bounds.</exception>
    public int Number(string parameter, int standard, int least, int most)
    {
        if (Query(parameter) is not { Length: > 0 } text)
        {
            return standard;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least
            ? Math.Min(number, most)
            : throw new S3Exception(S3Error.InvalidArgument($"Argument {parameter} must be an integer between {least} and {most}"));
    }

    /// <summary>Percent-decoding to UTF-8.</summary>
    public static string Decode(string text)
    {
        try
        {
            return Uri.UnescapeDataString(text);
        }
        catch (UriFormatException)
        {
            throw new S3Exception(S3Error.InvalidRequest("The address cannot be decoded."));
        }
    }

    private static List<KeyValuePair<string, string>> ReadQuery(string query)
    {
        var parameters = new List<KeyValuePair<string, string>>();
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? pair : pair[..equals];
            var value = equals < 0 ? "" : pair[(equals + 1)..];
            parameters.Add(KeyValuePair.Create(Decode(name.Replace('+', ' ')), Decode(value.Replace('+', ' '))));
        }

        return parameters;
    }
}
