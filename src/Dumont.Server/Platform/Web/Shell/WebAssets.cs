using System.Collections.Frozen;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace Dumont.Server.Platform.Web.Shell;

/// <summary>Scripts, styles, icons and fonts, embedded in this program. Each has the hash of its content in its address, so browsers keep it for ever and
/// a new version is another address. Compressed once, when first asked for.</summary>
internal static class WebAssets
{
    private const string Prefix = "web/";
    private const string Route = "/assets/";
    private const int HashLength = 10;

    private static readonly FrozenDictionary<string, WebAsset> ByName = Load();
    private static readonly FrozenDictionary<string, WebAsset> ByFile = ByName.Values.ToFrozenDictionary(asset => asset.File);

    /// <summary>Address of an asset.</summary>
    public static string Url(string name) => Route + ByName[name].File;

    /// <summary>Every asset, for tests of their size.</summary>
    public static IEnumerable<WebAsset> All => ByName.Values;

    /// <summary>Maps the route.</summary>
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet(Route + "{file}", Serve).AllowAnonymous().ExcludeFromDescription();

    private static async Task Serve(HttpContext context, string file)
    {
        if (!ByFile.TryGetValue(file, out var asset))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var headers = context.Response.GetTypedHeaders();
        headers.CacheControl = new CacheControlHeaderValue { Public = true, MaxAge = TimeSpan.FromDays(365), Extensions = { new NameValueHeaderValue("immutable") } };
        headers.ContentType = MediaTypeHeaderValue.Parse(asset.ContentType);
        context.Response.Headers.Vary = "Accept-Encoding";
        var encoding = asset.IsText ? EncodingFor(context.Request) : null;
        var body = encoding switch
        {
            "br" => asset.Brotli,
            "gzip" => asset.Gzip,
            _ => asset.Content,
        };
        if (encoding is not null)
        {
            context.Response.Headers.ContentEncoding = encoding;
        }

        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private static string? EncodingFor(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().AcceptEncoding.Where(value => value.Quality is not 0).Select(value => value.Value.Value).ToList();
        return accepted.Contains("br") ? "br" : accepted.Contains("gzip") ? "gzip" : null;
    }

    private static FrozenDictionary<string, WebAsset> Load()
    {
        var assembly = typeof(WebAssets).Assembly;
        var raw = new Dictionary<string, byte[]>();
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            raw[resource[Prefix.Length..]] = content;
        }

        var assets = raw.Where(entry => !entry.Key.EndsWith(".css", StringComparison.Ordinal)).Select(entry => new WebAsset(entry.Key, entry.Value)).ToDictionary(asset => asset.Name);
        foreach (var (name, content) in raw.Where(entry => entry.Key.EndsWith(".css", StringComparison.Ordinal)))
        {
            // Styles name other assets by their plain names.
            var text = assets.Values.Aggregate(Encoding.UTF8.GetString(content), (css, asset) => css.Replace($"url({asset.Name})", $"url({asset.File})", StringComparison.Ordinal));
            assets[name] = new WebAsset(name, Encoding.UTF8.GetBytes(text));
        }

        return assets.ToFrozenDictionary();
    }

    /// <summary>One asset.</summary>
    internal sealed class WebAsset(string name, byte[] content)
    {
        private readonly Lazy<byte[]> _brotli = new(() => Compress(content, stream => new BrotliStream(stream, CompressionLevel.SmallestSize)));
        private readonly Lazy<byte[]> _gzip = new(() => Compress(content, stream => new GZipStream(stream, CompressionLevel.SmallestSize)));

        public string Name { get; } = name;

        public byte[] Content { get; } = content;

        /// <summary>Name with the hash in it.</summary>
        public string File { get; } =
            $"{Path.GetFileNameWithoutExtension(name)}.{Convert.ToHexStringLower(SHA256.HashData(content))[..HashLength]}{Path.GetExtension(name)}";

        public bool IsText => !Name.EndsWith(".woff2", StringComparison.Ordinal);

        public string ContentType => Path.GetExtension(Name) switch
        {
            ".js" => "text/javascript; charset=utf-8",
            ".css" => "text/css; charset=utf-8",
            ".svg" => "image/svg+xml",
            ".woff2" => "font/woff2",
            _ => "application/octet-stream",
        };

        public byte[] Brotli => _brotli.Value;

        public byte[] Gzip => _gzip.Value;

        private static byte[] Compress(byte[] content, Func<Stream, Stream> compressor)
        {
            using var target = new MemoryStream();
            using (var stream = compressor(target))
            {
                stream.Write(content);
            }

            return target.ToArray();
        }
    }
}
