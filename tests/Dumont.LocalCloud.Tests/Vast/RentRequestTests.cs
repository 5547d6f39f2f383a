using System.Text.Json.Nodes;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Vast;

namespace Dumont.LocalCloud.Tests.Vast;

/// <summary>The body of a rental.</summary>
public sealed class RentRequestTests
{
    [Theory]
    [InlineData("""{"client_id":"me","disk":10}""", "image")]
    [InlineData("""{"image":"x","disk":7.5}""", "disk")]
    [InlineData("""{"image":"x","runtype":"telnet"}""", "runtype")]
    [InlineData("""{"image":"x","env":{"A B":"c"}}""", "env")]
    [InlineData("""{"image":"x","env":"-e"}""", "env")]
    [InlineData("""{"image":"x","env":7e1000}""", "docker option")]
    [InlineData("""{"image":"x","env":"-e 'A=b"}""", "quote")]
    [InlineData("""{"image":"x","volume_info":{"size":1}}""", "volume_id")]
    [InlineData("""{"image":"x","volume_info":[]}""", "volume_info")]
    [InlineData("""{"image":"x","volume_info":{"volume_id":1,"mount_path":"/etc/x"}}""", "/etc/x")]
    [InlineData("""{"image":"x","volume_info":{"volume_id":1,"mount_path":"/a/../b"}}""", "/a/../b")]
    [InlineData("""{"image":"x","volume_info":{"volume_id":1,"mount_path":"data"}}""", "data")]
    [InlineData("""{"image":"x","env":"-v V.1:/a -v V.2:/a"}""", "same mount path")]
    public void Parse_WrongBody_IsRefusedByName(string body, string named)
    {
        var refusal = Assert.Throws<BadRequestException>(() => Parse(body));

        Assert.Contains(named, refusal.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("""{"image":"x","template_hash_id":"abc"}""")]
    [InlineData("""{"image":"x","vm":true}""")]
    public void Parse_WhatIsLeftOut_SaysSo(string body) => Assert.Throws<LeftOutException>(() => Parse(body));

    [Theory]
    [InlineData("""{"image":"x"}""", "ssh")]
    [InlineData("""{"image":"x","args":["sleep","9"]}""", "args")]
    [InlineData("""{"image":"x","runtype":"ssh_direct ssh_proxy"}""", "ssh_direc ssh_proxy")]
    [InlineData("""{"image":"x","runtype":"jupyter_direc ssh_direc ssh_proxy"}""", "jupyter_direc ssh_direc ssh_proxy")]
    public void Parse_Runtype_IsATokenSet(string body, string runtype) => Assert.Equal(runtype, Parse(body).Runtype);

    [Theory]
    [InlineData("""{"image":"x"}""", true)]
    [InlineData("""{"image":"x","price":0.2}""", false)]
    [InlineData("""{"image":"x","price":0.2,"cancel_unavail":true}""", true)]
    [InlineData("""{"image":"x","target_state":"stopped"}""", false)]
    public void Parse_CancelUnavailable_DefaultsAsTheProviderDoes(string body, bool cancels) => Assert.Equal(cancels, Parse(body).CancelUnavailable);

    [Fact]
    public void SplitWords_QuotesAndBlanks_AreFollowed() =>
        Assert.Equal(["ls", "a b", "", "c'd"], RentRequest.SplitWords("""  ls 'a b'  "" "c'd" """));

    private static RentRequest Parse(string body) => RentRequest.Parse(JsonNode.Parse(body)!.AsObject());
}
