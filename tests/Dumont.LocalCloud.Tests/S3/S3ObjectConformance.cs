using System.Text;

namespace Dumont.LocalCloud.Tests.S3;

/// <summary>Objects and buckets, one call at a time. One row is one check.</summary>
[Trait("Suite", "Conformance")]
public sealed class S3ObjectConformance(S3Cloud cloud) : IClassFixture<S3Cloud>
{
    private static readonly Signing Unsigned = new() { Payload = "UNSIGNED-PAYLOAD" };

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("with%20space", "with space")]
    [InlineData("a/b/../c/./d", "a/b/../c/./d")]
    [InlineData("double//slash", "double//slash")]
    [InlineData("%E2%82%AC%F0%9F%98%80", "€😀")]
    [InlineData("plus%2Bpercent%25", "plus+percent%")]
    [InlineData("trailing/", "trailing/")]
    [InlineData("quote%22%3C%26%3E", "quote\"<&>")]
    public async Task Key_OfAnyKind_IsKeptAndListed(string wire, string key)
    {
        var bucket = await cloud.BucketAsync();

        Assert.Equal(200, (await cloud.SendAsync("PUT", $"/{bucket}/{wire}", "content")).Status);

        Assert.Equal("content", (await cloud.SendAsync("GET", $"/{bucket}/{wire}")).Text);
        Assert.Equal([key], (await cloud.SendAsync("GET", $"/{bucket}?list-type=2")).Values("Key"));
        Assert.Equal([Uri.EscapeDataString(key).Replace("%2F", "/", StringComparison.Ordinal)], (await cloud.SendAsync("GET", $"/{bucket}?encoding-type=url&list-type=2")).Values("Key"));
        Assert.Equal(204, (await cloud.SendAsync("DELETE", $"/{bucket}/{wire}")).Status);
        Assert.Equal("NoSuchKey", (await cloud.SendAsync("GET", $"/{bucket}/{wire}")).Code);
    }

    [Theory]
    [InlineData("bytes=0-3", 206, "0123", "bytes 0-3/10")]
    [InlineData("bytes=7-", 206, "789", "bytes 7-9/10")]
    [InlineData("bytes=-3", 206, "789", "bytes 7-9/10")]
    [InlineData("bytes=-30", 206, "0123456789", "bytes 0-9/10")]
    [InlineData("bytes=8-100", 206, "89", "bytes 8-9/10")]
    [InlineData("bytes=10-", 416, null, null)]
    [InlineData("bytes=-0", 416, null, null)]
    [InlineData("bytes=5-2", 200, "0123456789", null)]
    [InlineData("bytes=0-1,3-4", 200, "0123456789", null)]
    [InlineData("lines=1-2", 200, "0123456789", null)]
    public async Task Range_Asked_GivesThat(string range, int status, string? text, string? told)
    {
        var bucket = await cloud.BucketAsync();
        await cloud.SendAsync("PUT", $"/{bucket}/k", "0123456789");

        var reply = await cloud.SendAsync("GET", $"/{bucket}/k", headers: ("Range", range));

        Assert.Equal(status, reply.Status);
        Assert.Equal(text ?? "InvalidRange", text is null ? reply.Code : reply.Text);
        Assert.Equal(told, reply.Headers.GetValueOrDefault("content-range"));
    }

    [Theory]
    [InlineData("If-Match", "TAG", 200)]
    [InlineData("If-Match", "\"other\"", 412)]
    [InlineData("If-Match", "*", 200)]
    [InlineData("If-None-Match", "TAG", 304)]
    [InlineData("If-None-Match", "\"other\"", 200)]
    [InlineData("If-Modified-Since", "Fri, 01 Jan 2021 00:00:00 GMT", 200)]
    [InlineData("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", 304)]
    [InlineData("If-Unmodified-Since", "Fri, 01 Jan 2021 00:00:00 GMT", 412)]
    public async Task Condition_OfARead_Decides(string header, string value, int status)
    {
        var bucket = await cloud.BucketAsync();
        var tag = (await cloud.SendAsync("PUT", $"/{bucket}/k", "content")).Headers["etag"];
        foreach (var method in (string[])["GET", "HEAD"])
        {
            Assert.Equal(status, (await cloud.SendAsync(method, $"/{bucket}/k", headers: (header, value.Replace("TAG", tag, StringComparison.Ordinal)))).Status);
        }
    }

    [Fact]
    public async Task Condition_OfAPut_Decides()
    {
        var path = $"/{await cloud.BucketAsync()}/k";

        Assert.Equal("NoSuchKey", (await cloud.SendAsync("PUT", path, "0", null, ("If-Match", "\"x\""))).Code);
        Assert.Equal(200, (await cloud.SendAsync("PUT", path, "1", null, ("If-None-Match", "*"))).Status);
        Assert.Equal((412, "PreconditionFailed"), Told(await cloud.SendAsync("PUT", path, "2", null, ("If-None-Match", "*"))));
        Assert.Equal(412, (await cloud.SendAsync("PUT", path, "3", null, ("If-Match", "\"x\""))).Status);
        Assert.Equal("1", (await cloud.SendAsync("GET", path)).Text);
        var tag = Convert.ToHexStringLower(S3Cloud.Md5("1"u8));
        Assert.Equal(200, (await cloud.SendAsync("PUT", path, "4", null, ("If-Match", $"\"{tag}\""))).Status);
        Assert.Equal("4", (await cloud.SendAsync("GET", path)).Text);
    }

    [Fact]
    public async Task ConditionalPuts_ManyAtOnce_OneSucceeds()
    {
        var path = $"/{await cloud.BucketAsync()}/k";

        var replies = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => cloud.SendAsync("PUT", path, $"writer {i}", null, ("If-None-Match", "*"))));

        Assert.Single(replies, reply => reply.Status == 200);
        Assert.Equal(19, replies.Count(reply => reply.Status == 412));
    }

    [Theory]
    [InlineData("crc32", "y/Q5Jg==")]
    [InlineData("crc32c", "4waSgw==")]
    [InlineData("crc64nvme", "rosUhgp5mIg=")]
    [InlineData("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=")]
    [InlineData("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=")]
    public async Task Checksum_InTheHead_IsComparedAndKept(string name, string expected)
    {
        var path = $"/{await cloud.BucketAsync()}/k";

        Assert.Equal((400, "BadDigest"), Told(await cloud.SendAsync("PUT", path, "12345678x", Unsigned, ("x-amz-checksum-" + name, expected))));
        Assert.Equal(404, (await cloud.SendAsync("HEAD", path)).Status);
        Assert.Equal(200, (await cloud.SendAsync("PUT", path, "123456789", Unsigned, ("x-amz-checksum-" + name, expected))).Status);

        Assert.Equal(expected, (await cloud.SendAsync("GET", path, headers: ("x-amz-checksum-mode", "ENABLED"))).Headers["x-amz-checksum-" + name]);
        Assert.False((await cloud.SendAsync("GET", path)).Headers.ContainsKey("x-amz-checksum-" + name));
    }

    [Theory]
    [InlineData("4waSgw==", 200, null)]
    [InlineData("AAAAAA==", 400, "BadDigest")]
    public async Task Checksum_BehindTheBody_IsCompared(string sent, int status, string? code)
    {
        var path = $"/{await cloud.BucketAsync()}/k";
        var wire = Encoding.ASCII.GetBytes($"5\r\n12345\r\n4\r\n6789\r\n0\r\nx-amz-checksum-crc32c:{sent}\r\n\r\n");

        var reply = await cloud.SendAsync(
            "PUT", path, wire, new Signing { Payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER" },
            ("x-amz-trailer", "x-amz-checksum-crc32c"), ("x-amz-decoded-content-length", "9"), ("Content-Encoding", "aws-chunked"));

        Assert.Equal((status, code), Told(reply));
        Assert.Equal(code is null ? "123456789" : "NoSuchKey", code is null ? (await cloud.SendAsync("GET", path)).Text : (await cloud.SendAsync("GET", path)).Code);
    }

    [Theory]
    [InlineData("JdTJ0wTq2DvHv9sZFfGkKg==", 400, "BadDigest")]
    [InlineData("short", 400, "InvalidDigest")]
    [InlineData("RIGHT", 200, null)]
    public async Task ContentMd5_Sent_IsCompared(string sent, int status, string? code)
    {
        var path = $"/{await cloud.BucketAsync()}/k";
        sent = sent == "RIGHT" ? Convert.ToBase64String(S3Cloud.Md5("content"u8)) : sent;

        Assert.Equal((status, code), Told(await cloud.SendAsync("PUT", path, "content", Unsigned, ("Content-MD5", sent))));
    }

    [Fact]
    public async Task Headers_OfAnObject_ComeBackAndAreCopiedOrReplaced()
    {
        var bucket = await cloud.BucketAsync();
        await cloud.SendAsync("PUT", $"/{bucket}/k", "content", null, ("Content-Type", "text/x-mine"), ("Cache-Control", "no-store"), ("x-amz-meta-Colour", "green"));

        var head = await cloud.SendAsync("HEAD", $"/{bucket}/k");
        Assert.Equal(("text/x-mine", "no-store", "green", "7"), (head.Headers["content-type"], head.Headers["cache-control"], head.Headers["x-amz-meta-colour"], head.Headers["content-length"]));
        Assert.Equal($"\"{Convert.ToHexStringLower(S3Cloud.Md5("content"u8))}\"", head.Headers["etag"]);

        Assert.Equal(200, (await cloud.SendAsync("PUT", $"/{bucket}/copy", (string?)null, null, ("x-amz-copy-source", $"/{bucket}/k"))).Status);
        Assert.Equal("green", (await cloud.SendAsync("HEAD", $"/{bucket}/copy")).Headers["x-amz-meta-colour"]);
        await cloud.SendAsync("PUT", $"/{bucket}/copy", (string?)null, null, ("x-amz-copy-source", $"/{bucket}/k"), ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-shape", "round"));
        var replaced = await cloud.SendAsync("GET", $"/{bucket}/copy");
        Assert.Equal(("content", "round", false), (replaced.Text, replaced.Headers["x-amz-meta-shape"], replaced.Headers.ContainsKey("x-amz-meta-colour")));
        Assert.Equal("InvalidRequest", (await cloud.SendAsync("PUT", $"/{bucket}/k", (string?)null, null, ("x-amz-copy-source", $"/{bucket}/k"))).Code);
        Assert.Equal(412, (await cloud.SendAsync("PUT", $"/{bucket}/k2", (string?)null, null, ("x-amz-copy-source", $"/{bucket}/k"), ("x-amz-copy-source-if-match", "\"x\""))).Status);
    }

    [Theory]
    [InlineData("GET", "/nowhere?list-type=2", 404, "NoSuchBucket")]
    [InlineData("PUT", "/nowhere/k", 404, "NoSuchBucket")]
    [InlineData("PUT", "/No", 400, "InvalidBucketName")]
    [InlineData("PUT", "/a..b", 400, "InvalidBucketName")]
    [InlineData("PUT", "/BUCKET", 200, null)]
    [InlineData("GET", "/BUCKET?policy", 404, "NoSuchBucketPolicy")]
    [InlineData("GET", "/BUCKET?tagging", 404, "NoSuchTagSet")]
    [InlineData("GET", "/BUCKET?lifecycle", 404, "NoSuchLifecycleConfiguration")]
    [InlineData("GET", "/BUCKET?versioning", 200, null)]
    [InlineData("GET", "/BUCKET?location", 200, null)]
    [InlineData("GET", "/BUCKET?acl", 200, null)]
    [InlineData("PUT", "/BUCKET?versioning", 501, "NotImplemented")]
    [InlineData("GET", "/BUCKET?versions", 501, "NotImplemented")]
    [InlineData("GET", "/BUCKET/k?versionId=1", 501, "NotImplemented")]
    [InlineData("POST", "/BUCKET?delete", 400, "MalformedXML")]
    [InlineData("GET", "/BUCKET?list-type=2&max-keys=x", 400, "InvalidArgument")]
    [InlineData("GET", "/BUCKET?continuation-token=%21&list-type=2", 400, "InvalidArgument")]
    [InlineData("POST", "/BUCKET/k?uploadId=1", 404, "NoSuchUpload")]
    [InlineData("PUT", "/BUCKET/k?partNumber=1&uploadId=1", 404, "NoSuchUpload")]
    [InlineData("DELETE", "/BUCKET/k?uploadId=1", 404, "NoSuchUpload")]
    [InlineData("PATCH", "/BUCKET/k", 405, "MethodNotAllowed")]
    [InlineData("POST", "/", 405, "MethodNotAllowed")]
    public async Task Call_OfAnyKind_IsAnsweredAsByS3(string method, string path, int status, string? code)
    {
        var bucket = await cloud.BucketAsync();

        var reply = await cloud.SendAsync(method, path.Replace("BUCKET", bucket, StringComparison.Ordinal), method is "POST" or "PUT" ? "" : null);

        Assert.Equal((status, code), Told(reply));
        Assert.NotEmpty(reply.Headers["x-amz-request-id"]);
    }

    [Fact]
    public async Task Bucket_WithObjects_IsDeletedOnlyEmpty()
    {
        var bucket = await cloud.BucketAsync();
        await cloud.SendAsync("PUT", $"/{bucket}/a", "1");
        await cloud.SendAsync("PUT", $"/{bucket}/b", "2");

        Assert.Equal((409, "BucketNotEmpty"), Told(await cloud.SendAsync("DELETE", "/" + bucket)));
        var deleted = await cloud.SendAsync("POST", $"/{bucket}?delete", "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object><Object><Key>never</Key></Object></Delete>");
        Assert.Equal(["a", "b", "never"], deleted.Values("Key"));
        Assert.Equal(204, (await cloud.SendAsync("DELETE", "/" + bucket)).Status);
        Assert.Equal(404, (await cloud.SendAsync("HEAD", "/" + bucket)).Status);
        Assert.DoesNotContain(bucket, (await cloud.SendAsync("GET", "/")).Values("Name"));
    }

    [Theory]
    [InlineData("list-type=2", "NextContinuationToken", "continuation-token")]
    [InlineData("list-type=1", "NextMarker", "marker")]
    public async Task List_InPagesWithFolders_GivesEachOnce(string kind, string next, string parameter)
    {
        var bucket = await cloud.BucketAsync();
        foreach (var key in (string[])["a", "b/1", "b/2", "b/3", "b0", "c/x/y", "d", "é", "😀", "\uffee"])
        {
            await cloud.SendAsync("PUT", $"/{bucket}/{Uri.EscapeDataString(key).Replace("%2F", "/", StringComparison.Ordinal)}", key);
        }

        foreach (var size in (int[])[1, 2, 3, 100])
        {
            List<string> seen = [];
            string? token = null;
            do
            {
                var query = $"{(token is null || parameter == "marker" ? "" : $"{parameter}={Uri.EscapeDataString(token)}&")}delimiter=%2F&{kind}&{(token is null || parameter != "marker" ? "" : $"marker={Uri.EscapeDataString(token)}&")}max-keys={size}";
                var page = await cloud.SendAsync("GET", $"/{bucket}?{query}");
                seen.AddRange(page.Values("Key"));
                seen.AddRange(page.Xml.Elements().Where(element => element.Name.LocalName == "CommonPrefixes").Select(element => element.Value));
                token = page.Value("IsTruncated") == "true" ? page.Value(next) : null;
            }
            while (token is not null);

            Assert.Equal(["a", "b/", "b0", "c/", "d", "é", "\uffee", "😀"], size == 1 ? seen : seen.OrderBy(key => key, LocalCloud.S3.KeyOrder.Instance));
        }

        Assert.Equal(["b/2", "b/3"], (await cloud.SendAsync("GET", $"/{bucket}?list-type=2&prefix=b%2F&start-after=b%2F1")).Values("Key"));
        Assert.Equal("0", (await cloud.SendAsync("GET", $"/{bucket}?list-type=2&max-keys=0")).Value("KeyCount"));
    }

    private static (int Status, string? Code) Told(S3Reply reply) => (reply.Status, reply.Status < 300 ? null : reply.Code);
}
