using System.Buffers.Text;
using System.Text;

namespace Dumont.LocalCloud.S3;

/// <summary>Lists of objects, both versions.</summary>
internal sealed class ListCalls(BucketShelf shelf)
{
    private const int KeysMax = 1000;

    public Task ListAsync(S3Request request)
    {
        var bucket = shelf.Get(request.Bucket);
        return request.Query("list-type") == "2" ? ListSecondAsync(request, bucket) : ListFirstAsync(request, bucket);
    }

    private static Task ListFirstAsync(S3Request request, Bucket bucket)
    {
        var marker = request.Query("marker") ?? "";
        var page = ListPage.Read(bucket, request.Query("prefix") ?? "", request.Query("delimiter") ?? "", marker, request.Number("max-keys", KeysMax, 0, KeysMax));
        var encode = EncoderOf(request);
        return S3Answer.WriteAsync(request, S3Answer.Element(
            "ListBucketResult",
            S3Answer.Element("Name", bucket.Name),
            S3Answer.Element("Prefix", encode(request.Query("prefix") ?? "")),
            S3Answer.Element("Marker", encode(marker)),
            page.IsTruncated && page.Last is not null && request.Has("delimiter") ? S3Answer.Element("NextMarker", encode(page.Last)) : null,
            Common(request, page, encode, withOwner: true)));
    }

    private static Task ListSecondAsync(S3Request request, Bucket bucket)
    {
        var token = request.Query("continuation-token");
        var after = token is not null ? Decode(token) : request.Query("start-after") ?? "";
        var page = ListPage.Read(bucket, request.Query("prefix") ?? "", request.Query("delimiter") ?? "", after, request.Number("max-keys", KeysMax, 0, KeysMax));
        var encode = EncoderOf(request);
        return S3Answer.WriteAsync(request, S3Answer.Element(
            "ListBucketResult",
            S3Answer.Element("Name", bucket.Name),
            S3Answer.Element("Prefix", encode(request.Query("prefix") ?? "")),
            request.Query("start-after") is { } start ? S3Answer.Element("StartAfter", encode(start)) : null,
            token is not null ? S3Answer.Element("ContinuationToken", token) : null,
            S3Answer.Element("KeyCount", page.Objects.Count + page.Prefixes.Count),
            page.IsTruncated && page.Last is not null ? S3Answer.Element("NextContinuationToken", Base64Url.EncodeToString(Encoding.UTF8.GetBytes(page.Last))) : null,
            Common(request, page, encode, withOwner: request.Query("fetch-owner") == "true")));
    }

    private static object?[] Common(S3Request request, ListPage page, Func<string, string> encode, bool withOwner) =>
    [
        request.Query("delimiter") is { Length: > 0 } delimiter ? S3Answer.Element("Delimiter", encode(delimiter)) : null,
        request.Query("encoding-type") is { } encoding ? S3Answer.Element("EncodingType", encoding) : null,
        S3Answer.Element("MaxKeys", request.Number("max-keys", KeysMax, 0, KeysMax)),
        S3Answer.Element("IsTruncated", page.IsTruncated),
        page.Objects.Select(item => S3Answer.Element(
            "Contents",
            S3Answer.Element("Key", encode(item.Key)),
            S3Answer.Element("LastModified", S3Answer.Time(item.Object.ModifiedAt)),
            S3Answer.Element("ETag", S3Answer.Quoted(item.Object.ETag)),
            item.Object.Checksums.Keys.Select(name => S3Answer.Element("ChecksumAlgorithm", name.ToUpperInvariant())),
            S3Answer.Element("Size", item.Object.Size),
            withOwner ? BucketCalls.Owner("Owner") : null,
            S3Answer.Element("StorageClass", "STANDARD"))),
        page.Prefixes.Select(prefix => S3Answer.Element("CommonPrefixes", S3Answer.Element("Prefix", encode(prefix)))),
    ];

    private static Func<string, string> EncoderOf(S3Request request) => request.Query("encoding-type") switch
    {
        null => static text => text,
        "url" => static text => Uri.EscapeDataString(text).Replace("%2F", "/", StringComparison.Ordinal),
        _ => throw new S3Exception(S3Error.InvalidArgument("Invalid Encoding Method specified in Request")),
    };

    private static string Decode(string token)
    {
        try
        {
            return Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token));
        }
        catch (FormatException)
        {
            throw new S3Exception(S3Error.InvalidArgument("The continuation token provided is incorrect"));
        }
    }
}

/// <summary>One page of a list.</summary>
internal sealed class ListPage
{
    public List<(string Key, ObjectRecord Object)> Objects { get; } = [];

    /// <summary>What keys begin with up to the delimiter, each once.</summary>
    public List<string> Prefixes { get; } = [];

    public bool IsTruncated { get; private set; }

    /// <summary>The last key or prefix of the page: the next begins behind it.</summary>
    public string? Last { get; private set; }

    public static ListPage Read(Bucket bucket, string prefix, string delimiter, string after, int most)
    {
        var page = new ListPage();
        if (most == 0)
        {
            return page;
        }

        bucket.Walk(KeyOrder.Instance.Compare(after, prefix) > 0 ? after : prefix, (key, found) =>
        {
            if (!key.StartsWith(prefix, StringComparison.Ordinal))
            {
                return Bucket.Stop;
            }

            if (key == after)
            {
                return null;
            }

            var cut = delimiter.Length > 0 ? key.IndexOf(delimiter, prefix.Length, StringComparison.Ordinal) : -1;
            var common = cut < 0 ? null : key[..(cut + delimiter.Length)];
            if (common is not null && KeyOrder.Instance.Compare(common, after) <= 0)
            {
                // The page before ended with it.
                return Behind(common);
            }

            if (page.Objects.Count + page.Prefixes.Count == most)
            {
                page.IsTruncated = true;
                return Bucket.Stop;
            }

            page.Last = common ?? key;
            if (common is null)
            {
                page.Objects.Add((key, found));
                return null;
            }

            page.Prefixes.Add(common);
            return Behind(common);
        });
        return page;
    }

    // The first text that sorts behind everything that begins so.
    private static string Behind(string prefix) => prefix[..^1] + (char)(prefix[^1] + 1);
}
