using System.Buffers;
using System.Text;
using Dumont.LocalCloud.S3;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Dumont.LocalCloud.Tests.S3;

/// <summary>Who is let in, and what the others are told. The first three are the examples of Amazon's own description.</summary>
[Trait("Suite", "Conformance")]
public sealed class S3SignatureConformance(S3Cloud cloud) : IClassFixture<S3Cloud>
{
    private const string ExampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    private const string ExampleTime = "20130524T000000Z";
    private const string ExampleScope = "20130524/us-east-1/s3/aws4_request";

    [Fact]
    public void Signature_OfTheExample_IsTheOneOfTheDescription()
    {
        var http = new DefaultHttpContext();
        http.Request.Method = "GET";
        http.Features.Get<IHttpRequestFeature>()!.RawTarget = "/test.txt";
        http.Request.Headers.Host = "examplebucket.s3.amazonaws.com";
        http.Request.Headers.Range = "bytes=0-9";
        http.Request.Headers["x-amz-content-sha256"] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        http.Request.Headers["x-amz-date"] = ExampleTime;

        var canonical = S3Signature.CanonicalRequest(
            S3Request.Read(http), ["host", "range", "x-amz-content-sha256", "x-amz-date"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

        Assert.Equal(
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            S3Signature.Sign(S3Signature.SigningKey(ExampleSecret, "20130524", "us-east-1"), S3Signature.StringToSign(ExampleTime, ExampleScope, canonical)));
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(1000)]
    [InlineData(1)]
    public void ChunkedBody_OfTheExample_IsReadHoweverItArrives(int arriving)
    {
        var wire = Encoding.ASCII.GetBytes(
            "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + new string('a', 65536) + "\r\n"
            + "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + new string('a', 1024) + "\r\n"
            + "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n");

        Assert.Equal(66_560, ReadExample(wire, arriving));
    }

    [Fact]
    public void ChunkedBody_OneByteChanged_IsRefused()
    {
        var wire = Encoding.ASCII.GetBytes(
            "400;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + new string('a', 1024) + "\r\n0;chunk-signature=00\r\n\r\n");

        Assert.Equal("SignatureDoesNotMatch", Assert.Throws<S3Exception>(() => ReadExample(wire, 1 << 20)).Error.Code);
    }

    public static TheoryData<string, int, string> Refusals => new()
    {
        { "no signature", 403, "AccessDenied" },
        { "unknown key", 403, "InvalidAccessKeyId" },
        { "wrong secret", 403, "SignatureDoesNotMatch" },
        { "wrong region", 400, "AuthorizationHeaderMalformed" },
        { "clock behind", 403, "RequestTimeTooSkewed" },
        { "clock ahead", 403, "RequestTimeTooSkewed" },
        { "body of another hash", 400, "XAmzContentSHA256Mismatch" },
        { "presigned, expired", 403, "AccessDenied" },
        { "presigned, too long", 400, "AuthorizationQueryParametersError" },
        { "presigned, other method", 403, "SignatureDoesNotMatch" },
        { "presigned, other path", 403, "SignatureDoesNotMatch" },
        { "presigned, half", 400, "AuthorizationQueryParametersError" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Call_WithAWrongProof_IsRefusedAsByS3(string what, int status, string code)
    {
        var bucket = await cloud.BucketAsync();
        var path = $"/{bucket}/key";
        var reply = what switch
        {
            "no signature" => await cloud.SendBareAsync("GET", path),
            "unknown key" => await cloud.SendAsync("GET", path, signing: new Signing { KeyId = "AKIAUNKNOWN" }),
            "wrong secret" => await cloud.SendAsync("GET", path, signing: new Signing { Secret = "wrong" }),
            "wrong region" => await cloud.SendAsync("GET", path, signing: new Signing { Region = "eu-central-1" }),
            "clock behind" => await cloud.SendAsync("GET", path, signing: new Signing { Skew = TimeSpan.FromMinutes(-16) }),
            "clock ahead" => await cloud.SendAsync("GET", path, signing: new Signing { Skew = TimeSpan.FromMinutes(16) }),
            "body of another hash" => await cloud.SendAsync("PUT", path, "content", new Signing { Payload = new string('0', 64) }),
            "presigned, expired" => await cloud.SendBareAsync("GET", cloud.Presigned("GET", path, 60, TimeSpan.FromMinutes(2))),
            "presigned, too long" => await cloud.SendBareAsync("GET", cloud.Presigned("GET", path, 604_801)),
            "presigned, other method" => await cloud.SendBareAsync("PUT", cloud.Presigned("GET", path), "x"u8.ToArray()),
            "presigned, other path" => await cloud.SendBareAsync("GET", cloud.Presigned("GET", path).Replace("/key", "/yek", StringComparison.Ordinal)),
            _ => await cloud.SendBareAsync("GET", path + "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"),
        };

        Assert.Equal((status, code), (reply.Status, reply.Code));
        Assert.DoesNotContain(cloud.Account.SecretAccessKey, reply.Text, StringComparison.Ordinal);
        Assert.Equal(404, (await cloud.SendAsync("GET", path)).Status);
    }

    [Fact]
    public async Task Presigned_PutGetHeadDelete_DoWhatTheySay()
    {
        var path = $"/{await cloud.BucketAsync()}/by%20address%2Bplus";

        Assert.Equal(200, (await cloud.SendBareAsync("PUT", cloud.Presigned("PUT", path), "content"u8.ToArray())).Status);
        Assert.Equal("content", (await cloud.SendBareAsync("GET", cloud.Presigned("GET", path))).Text);
        Assert.Equal("7", (await cloud.SendBareAsync("HEAD", cloud.Presigned("HEAD", path))).Headers["content-length"]);
        Assert.Equal(204, (await cloud.SendBareAsync("DELETE", cloud.Presigned("DELETE", path))).Status);
    }

    [Fact]
    public async Task Header_OfAmazonThatIsNotSigned_IsRefused()
    {
        var bucket = await cloud.BucketAsync();
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(cloud.Endpoint, cloud.Presigned("GET", $"/{bucket}/key")));
        request.Headers.Add("x-amz-meta-smuggled", "yes");

        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(403, (int)response.StatusCode);
    }

    private static long ReadExample(byte[] wire, int arriving)
    {
        var caller = new S3Caller(
            AwsChunkedBody.Signed, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
            S3Signature.SigningKey(ExampleSecret, "20130524", "us-east-1"), ExampleTime, ExampleScope);
        using var body = new AwsChunkedBody(caller);
        var total = 0L;
        var start = 0;
        for (var end = 0; !body.IsDone;)
        {
            Assert.True(end < wire.Length, "it wants more than there is");
            end = Math.Min(wire.Length, end + arriving);
            var sequence = new ReadOnlySequence<byte>(wire.AsMemory(start, end - start));
            start += (int)sequence.GetOffset(body.Read(sequence, content => total += content.Length)) - (int)sequence.GetOffset(sequence.Start);
        }

        return total;
    }
}
