using Dumont.LocalCloud.Faults;

namespace Dumont.LocalCloud.Tests.S3;

/// <summary>Multipart uploads, what outlasts an end of the program, and faults.</summary>
[Trait("Suite", "Conformance")]
public sealed class S3UploadConformance(S3Cloud cloud) : IClassFixture<S3Cloud>
{
    private const int PartBytes = 5 << 20;

    [Theory]
    [InlineData(null, null)]
    [InlineData("CRC32C", "FULL_OBJECT")]
    [InlineData("CRC32C", "COMPOSITE")]
    [InlineData("CRC32", "FULL_OBJECT")]
    [InlineData("CRC64NVME", "FULL_OBJECT")]
    [InlineData("SHA256", "COMPOSITE")]
    public async Task Upload_InParts_BecomesOneObject(string? algorithm, string? type)
    {
        var path = $"/{await cloud.BucketAsync()}/k";
        (string, string)[] headers = algorithm is null ? [] : [("x-amz-checksum-algorithm", algorithm), ("x-amz-checksum-type", type!)];
        var id = (await cloud.SendAsync("POST", path + "?uploads", "", null, [.. headers, ("x-amz-meta-colour", "green")])).Value("UploadId");
        byte[][] parts = [Bytes(1, PartBytes), Bytes(2, PartBytes + 1), Bytes(3, 100)];
        var tags = new List<string>();
        for (var i = parts.Length; i > 0; i--)
        {
            (string, string)[] sum = algorithm is null ? [] : [("x-amz-checksum-" + algorithm.ToLowerInvariant(), ChecksumOf(algorithm, parts[i - 1]))];
            tags.Insert(0, (await cloud.SendAsync("PUT", $"{path}?partNumber={i}&uploadId={id}", parts[i - 1], null, sum)).Headers["etag"]);
        }

        Assert.Equal(["1", "2", "3"], (await cloud.SendAsync("GET", $"{path}?uploadId={id}")).Values("PartNumber"));
        Assert.Equal(404, (await cloud.SendAsync("HEAD", path)).Status);
        var whole = parts.SelectMany(part => part).ToArray();
        var done = await cloud.SendAsync("POST", $"{path}?uploadId={id}", Document(tags));

        Assert.Equal(200, done.Status);
        Assert.Equal(
            $"\"{Convert.ToHexStringLower(S3Cloud.Md5([.. parts.SelectMany(part => S3Cloud.Md5(part))]))}-3\"", done.Value("ETag"));
        var reply = await cloud.SendAsync("GET", path, headers: ("x-amz-checksum-mode", "ENABLED"));
        Assert.True(reply.Bytes.AsSpan().SequenceEqual(whole));
        Assert.Equal("green", reply.Headers["x-amz-meta-colour"]);
        if (algorithm is not null)
        {
            Assert.Equal(type, reply.Headers["x-amz-checksum-type"]);
            var sum = reply.Headers["x-amz-checksum-" + algorithm.ToLowerInvariant()];
            Assert.Equal(type == "COMPOSITE" ? ChecksumOf(algorithm, [.. parts.SelectMany(part => Convert.FromBase64String(ChecksumOf(algorithm, part)))]) + "-3" : ChecksumOf(algorithm, whole), sum);
        }

        Assert.True((await cloud.SendAsync("GET", path, headers: ("Range", $"bytes={PartBytes - 5}-{PartBytes + 4}"))).Bytes.AsSpan().SequenceEqual(whole.AsSpan(PartBytes - 5, 10)));
        Assert.True((await cloud.SendAsync("GET", path + "?partNumber=3")).Bytes.AsSpan().SequenceEqual(parts[2]));
        Assert.Equal("NoSuchUpload", (await cloud.SendAsync("GET", $"{path}?uploadId={id}")).Code);
    }

    [Fact]
    public async Task Upload_PutTogetherWrongly_IsRefusedAndGoesOn()
    {
        var path = $"/{await cloud.BucketAsync()}/k";
        var id = (await cloud.SendAsync("POST", path + "?uploads", "")).Value("UploadId");
        var first = (await cloud.SendAsync("PUT", $"{path}?partNumber=1&uploadId={id}", Bytes(1, 1000), null)).Headers["etag"];
        var second = (await cloud.SendAsync("PUT", $"{path}?partNumber=2&uploadId={id}", Bytes(2, 1000), null)).Headers["etag"];

        Assert.Equal("EntityTooSmall", (await CompleteAsync(Document([first, second]))).Code);
        Assert.Equal("InvalidPart", (await CompleteAsync(Document([second]))).Code);
        Assert.Equal("InvalidPartOrder", (await CompleteAsync($"<C><Part><PartNumber>2</PartNumber><ETag>{second}</ETag></Part><Part><PartNumber>1</PartNumber><ETag>{first}</ETag></Part></C>")).Code);
        Assert.Equal("MalformedXML", (await CompleteAsync("<C></C>")).Code);
        Assert.Equal("MalformedXML", (await CompleteAsync("<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><C>&e;</C>")).Code);
        Assert.Equal("InvalidArgument", (await cloud.SendAsync("PUT", $"{path}?partNumber=10001&uploadId={id}", Bytes(1, 10), null)).Code);
        Assert.Equal(200, (await CompleteAsync(Document([first]))).Status);
        Assert.Equal("1000", (await cloud.SendAsync("HEAD", path)).Headers["content-length"]);

        Task<S3Reply> CompleteAsync(string document) => cloud.SendAsync("POST", $"{path}?uploadId={id}", document);
    }

    [Fact]
    public async Task Upload_Aborted_LeavesNothing()
    {
        var bucket = await cloud.BucketAsync();
        var id = (await cloud.SendAsync("POST", $"/{bucket}/k?uploads", "")).Value("UploadId");
        await cloud.SendAsync("PUT", $"/{bucket}/k?partNumber=1&uploadId={id}", Bytes(1, 1000), null);
        Assert.Equal(id, Assert.Single((await cloud.SendAsync("GET", $"/{bucket}?uploads")).Values("UploadId")));

        Assert.Equal(204, (await cloud.SendAsync("DELETE", $"/{bucket}/k?uploadId={id}")).Status);

        Assert.Empty((await cloud.SendAsync("GET", $"/{bucket}?uploads")).Values("UploadId"));
        Assert.Empty(FilesOf(bucket));
    }

    [Fact]
    public async Task Part_CopiedFromAnotherObject_IsThatRange()
    {
        var bucket = await cloud.BucketAsync();
        await cloud.SendAsync("PUT", $"/{bucket}/source", "0123456789");
        var id = (await cloud.SendAsync("POST", $"/{bucket}/k?uploads", "")).Value("UploadId");
        var tag = (await cloud.SendAsync("PUT", $"/{bucket}/k?partNumber=1&uploadId={id}", (string?)null, null, ("x-amz-copy-source", $"{bucket}/source"), ("x-amz-copy-source-range", "bytes=2-4"))).Value("ETag");

        await cloud.SendAsync("POST", $"/{bucket}/k?uploadId={id}", Document([tag!]));

        Assert.Equal("234", (await cloud.SendAsync("GET", $"/{bucket}/k")).Text);
    }

    [Fact]
    public async Task Everything_AfterARestart_IsStillThereAndNothingElse()
    {
        var bucket = await cloud.BucketAsync();
        await cloud.SendAsync("PUT", $"/{bucket}/kept", "first");
        await cloud.SendAsync("PUT", $"/{bucket}/kept", "second", null, ("x-amz-meta-colour", "green"));
        await cloud.SendAsync("PUT", $"/{bucket}/gone", "x");
        await cloud.SendAsync("DELETE", $"/{bucket}/gone");
        var id = (await cloud.SendAsync("POST", $"/{bucket}/parts?uploads", "")).Value("UploadId");
        var tag = (await cloud.SendAsync("PUT", $"/{bucket}/parts?partNumber=1&uploadId={id}", "a part")).Headers["etag"];

        await cloud.RestartAsync(() =>
        {
            // What a kill leaves: a file that no line tells of, and half a line.
            File.WriteAllText(Path.Combine(cloud.Folder, bucket, "content", "ab", "abandoned"), "half an object");
            File.AppendAllText(Path.Combine(cloud.Folder, bucket, "journal"), "{\"key\":\"torn\",\"put\":{\"pie");
        });

        Assert.Equal(["kept"], (await cloud.SendAsync("GET", $"/{bucket}?list-type=2")).Values("Key"));
        var kept = await cloud.SendAsync("GET", $"/{bucket}/kept");
        Assert.Equal(("second", "green"), (kept.Text, kept.Headers["x-amz-meta-colour"]));
        Assert.Equal(2, FilesOf(bucket).Length);
        Assert.Equal(200, (await cloud.SendAsync("POST", $"/{bucket}/parts?uploadId={id}", Document([tag]))).Status);
        await cloud.SendAsync("PUT", $"/{bucket}/new", "x");
        await cloud.RestartAsync();
        Assert.Equal(["kept", "new", "parts"], (await cloud.SendAsync("GET", $"/{bucket}?list-type=2")).Values("Key"));
    }

    [Theory]
    [InlineData(FaultKind.ErrorBefore, CloudOperation.ObjectPut, 503, "SlowDown", false)]
    [InlineData(FaultKind.ErrorAfter, CloudOperation.ObjectPut, 500, "InternalError", true)]
    [InlineData(FaultKind.TooManyRequests, CloudOperation.ObjectPut, 429, "TooManyRequests", false)]
    [InlineData(FaultKind.KeyRevoked, CloudOperation.ObjectPut, 403, "InvalidAccessKeyId", false)]
    [InlineData(FaultKind.ScopeLost, CloudOperation.ObjectPut, 403, "AccessDenied", false)]
    [InlineData(FaultKind.LostWrite, CloudOperation.ObjectPut, 200, null, false)]
    [InlineData(FaultKind.Slow, CloudOperation.ObjectPut, 200, null, true)]
    public async Task Fault_OfAPut_DoesAsTheTableSays(string kind, string operation, int status, string? code, bool isDone)
    {
        var path = $"/{await cloud.BucketAsync()}/k";
        cloud.Arm(kind, operation, status is 503 ? 503 : 500);

        var reply = await cloud.SendAsync("PUT", path, "content");

        Assert.Equal((status, code), (reply.Status, reply.Status < 300 ? null : reply.Code));
        Assert.Equal(isDone ? 200 : 404, (await cloud.SendAsync("HEAD", path)).Status);
    }

    [Theory]
    [InlineData(FaultKind.Refused)]
    [InlineData(FaultKind.AnswerLost)]
    [InlineData(FaultKind.ResetMidBody)]
    [InlineData(FaultKind.TruncatedBody)]
    [InlineData(FaultKind.FlippedByte)]
    [InlineData(FaultKind.Drip)]
    public async Task Fault_OfAGet_DoesAsTheTableSays(string kind)
    {
        var path = $"/{await cloud.BucketAsync()}/k";
        var content = Bytes(1, 1500);
        await cloud.SendAsync("PUT", path, content, null);
        cloud.Arm(kind, CloudOperation.ObjectGet);

        if (kind is FaultKind.Refused or FaultKind.AnswerLost or FaultKind.ResetMidBody)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => cloud.SendAsync("GET", path));
        }
        else
        {
            var reply = await cloud.SendAsync("GET", path);
            var expected = kind switch
            {
                FaultKind.TruncatedBody => content[..750],
                FaultKind.FlippedByte => [.. content[..750], (byte)(content[750] ^ 1), .. content[751..]],
                _ => content,
            };
            Assert.Equal(expected, reply.Bytes);
        }

        Assert.Equal(content, (await cloud.SendAsync("GET", path)).Bytes);
    }

    private static string Document(IEnumerable<string> tags) =>
        $"<CompleteMultipartUpload>{string.Concat(tags.Select((tag, i) => $"<Part><PartNumber>{i + 1}</PartNumber><ETag>{tag}</ETag></Part>"))}</CompleteMultipartUpload>";

    private static string ChecksumOf(string algorithm, byte[] bytes)
    {
        using var checksum = LocalCloud.S3.Checksum.Create(algorithm.ToLowerInvariant());
        checksum.Append(bytes);
        return Convert.ToBase64String(checksum.Finish());
    }

    private string[] FilesOf(string bucket) => Directory.GetFiles(Path.Combine(cloud.Folder, bucket, "content"), "*", SearchOption.AllDirectories);

    private static byte[] Bytes(byte seed, int length)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = (byte)((i * 31) + (i >> 8) + seed);
        }

        return bytes;
    }
}
